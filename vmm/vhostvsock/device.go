package vhostvsock

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/sirupsen/logrus"

	"github.com/cardplane/cardplane/openapi/apierr"
)

// Config says what a Device serves.
type Config struct {
	// VhostSocket is the path of the vhost-user socket, to which QEMU connects.
	VhostSocket string
	// HybridSocket is the path S of the hybrid socket: host programs connect
	// to S, and connections of the guest arrive at S_<port>.
	HybridSocket string
	// GuestCID is the guest's context id: a 32-bit number other than the
	// reserved 0, 1, 2 and 0xffffffff.
	GuestCID uint64
	// Log may be nil.
	Log logrus.FieldLogger
}

func (c Config) validate() error {
	if c.GuestCID <= 2 || c.GuestCID >= 0xffffffff {
		return apierr.New(apierr.InvalidArgument, "vsock_cid_invalid",
			"vsock CID %d is reserved or out of range; choose one from 3 to 4294967294", c.GuestCID)
	}
	return nil
}

// Device is a vhost-user-vsock device for one virtual machine.
type Device struct {
	vhost  *listener
	hybrid *listener
	loop   *loop

	mu     sync.Mutex // guards state
	state  state
	served sync.WaitGroup // Serve, while it runs
}

// state of a Device: idle → serving, and closed for good.
type state int

const (
	idle state = iota
	serving
	closed
)

// ErrClosed is returned by Serve on a closed Device.
var ErrClosed = errors.New("vsock device is closed")

// Listen binds both sockets, so that front-end and host programs can connect
// from now on; they are served once Serve runs. Files left at the paths by a
// process that died are replaced. A path in use, a path too long and a CID
// out of range are *apierr.Error values.
func Listen(cfg Config) (*Device, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if cfg.Log == nil {
		discard := logrus.New()
		discard.SetOutput(io.Discard)
		cfg.Log = discard
	}
	vhost, err := listen(cfg.VhostSocket, 1)
	if err != nil {
		return nil, fmt.Errorf("vhost-user socket: %w", err)
	}
	hybrid, err := listen(cfg.HybridSocket, 128)
	if err != nil {
		vhost.close()
		return nil, fmt.Errorf("hybrid vsock socket: %w", err)
	}
	l, err := newLoop(cfg, vhost, hybrid)
	if err != nil {
		vhost.close()
		hybrid.close()
		return nil, err
	}
	return &Device{vhost: vhost, hybrid: hybrid, loop: l}, nil
}

// Serve runs the device in the caller's goroutine until ctx is done or Close
// is called, and returns nil then. Front-ends may come and go meanwhile. When
// it returns, the front-end and all connections are closed and the guest's
// memory is unmapped. It may be called once.
func (d *Device) Serve(ctx context.Context) error {
	d.mu.Lock()
	if d.state != idle {
		d.mu.Unlock()
		return ErrClosed
	}
	d.state = serving
	d.served.Add(1)
	d.mu.Unlock()
	defer d.served.Done()
	defer context.AfterFunc(ctx, d.loop.stop)()
	return d.loop.run()
}

// Close ends Serve, waits for it, and removes both socket files. It may be
// called more than once and from any goroutine but Serve's.
func (d *Device) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.state == closed {
		return nil
	}
	d.state = closed
	d.loop.stop()
	d.served.Wait()
	d.loop.close()
	d.vhost.close()
	d.hybrid.close()
	return nil
}
