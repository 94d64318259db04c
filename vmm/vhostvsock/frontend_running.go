package vhostvsock

import (
	"encoding/binary"
	"fmt"

	"github.com/cardplane/cardplane/vmm/vhostvsock/packet"
	"github.com/cardplane/cardplane/vmm/vhostvsock/protocol"
	"github.com/cardplane/cardplane/vmm/vhostvsock/ring"
)

// settle lets the muxer use the rings when both run, and takes them away when
// one does not.
func (f *frontend) settle() {
	rx, tx := &f.vrings[vringRX], &f.vrings[vringTX]
	if !f.running(rx) || !f.running(tx) {
		f.mux.detach()
		return
	}
	if !f.mux.attached() {
		f.reconcile(rx.queue.Base() != 0 || tx.queue.Base() != 0)
		f.mux.attach(rx, tx)
	}
	if f.owesReset && f.running(&f.vrings[vringEvent]) {
		f.sendTransportReset(&f.vrings[vringEvent])
	}
}

// running reports whether v may be used. Rings start enabled when the
// front-end has not accepted protocol features.
func (f *frontend) running(v *vring) bool {
	return v.queue != nil && (v.enabled || f.features&protocol.VhostProtocolFeature == 0)
}

// reconcile makes the muxer's connections agree with those that the driver
// knows. A driver that starts its rings at 0 has been reset and knows none.
// One that goes on under a new front-end still knows those of the old one:
// the resets queued for them are now delivered, and the event queue, where
// the front-end hands it over (QEMU keeps it), tells about any others.
func (f *frontend) reconcile(resumed bool) {
	told := f.adopted && f.proto&protocol.FeatureResetDevice != 0
	if !resumed && !told {
		f.mux.dropAll(false)
	}
	f.owesReset = resumed && !f.adopted
	f.adopted = true
}

// sendTransportReset does nothing while the driver has given no buffer; the
// kick that comes with one tries again.
func (f *frontend) sendTransportReset(v *vring) {
	n, err := v.queue.EnableKicks()
	if err == nil && n == 0 {
		return
	}
	var c ring.Chain
	if err == nil {
		err = v.queue.Peek(0, &c)
	}
	if err == nil && c.WriteLen < packet.EventSize {
		err = fmt.Errorf("%w: event buffer of %d bytes", ring.ErrBroken, c.WriteLen)
	}
	if err != nil {
		f.fail(err)
		return
	}
	scatter(c.Writable, binary.LittleEndian.AppendUint32(nil, packet.EventTransportReset))
	v.queue.Complete(&c, packet.EventSize)
	v.queue.Publish()
	v.signal()
	f.owesReset = false
}
