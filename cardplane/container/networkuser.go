package container

import (
	"context"
	"net/netip"
	"slices"
	"sync"

	"github.com/sirupsen/logrus"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/guestclient"
	"github.com/cardplane/cardplane/cardplane/sandbox"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/cardplane/usernet"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// userSide is what a machine has of networks in user mode, in this process. It
// is made as its record says, any number of times, and closed before the record
// gives the addresses back.
type userSide struct {
	nets *usernets
	ctx  context.Context // of the machine's use
	log  logrus.FieldLogger

	mu     sync.Mutex
	closed bool
	plugs  map[string]*userLink          // by the interface's name
	ports  map[string]*usernet.Published // by the forward's id
}

// userLink is an interface, and what carries its frames.
type userLink struct {
	of     cardplane.Interface
	plug   *userPlug
	cancel context.CancelFunc // nil until they are carried
	done   chan struct{}
}

func newUserSide(s *Service, ctx context.Context, log logrus.FieldLogger) *userSide {
	return &userSide{nets: s.usernets, ctx: ctx, log: log, plugs: make(map[string]*userLink), ports: make(map[string]*usernet.Published)}
}

// join puts all interfaces in user mode on their networks.
func (u *userSide) join(list []cardplane.Interface) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, i := range list {
		if i.Mode != cardplane.UserMode || u.plugs[i.Name] != nil && u.plugs[i.Name].of.MAC == i.MAC {
			continue
		}
		if u.closed {
			return shuttingDown()
		}
		u.dropLocked(i.Name) // another of that name, which is being taken off
		plug, err := u.nets.join(u.ctx, i)
		if err != nil {
			return err
		}
		u.plugs[i.Name] = &userLink{of: i, plug: plug}
	}
	return nil
}

// carry begins to carry the frames of all interfaces that are joined. A guest
// that was not told of one yet is asked again.
func (u *userSide) carry(sb *sandbox.Sandbox) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for name, l := range u.plugs {
		if l.cancel != nil || u.closed {
			continue
		}
		ctx, cancel := context.WithCancel(u.ctx)
		l.cancel, l.done = cancel, make(chan struct{})
		go func() {
			defer close(l.done)
			u.carryOne(ctx, sb, name, l.plug)
		}()
	}
}

// carryOne carries frames until ctx ends, or a newer control plane does so.
func (u *userSide) carryOne(ctx context.Context, sb *sandbox.Sandbox, name string, plug *userPlug) {
	for retry := guestclient.NewBackoff(); ; {
		err := sb.Guest().ServeFrames(ctx, name, retry.Reset, plug)
		if ctx.Err() == nil {
			u.log.WithError(err).WithField("interface", name).Debug("the frames of the guest are not carried")
		}
		if retry.Wait(ctx) != nil || apierr.Is(err, "stale_epoch") {
			return
		}
	}
}

// publish has a published port listen, and returns it with the port that it has.
// before is the port that it had in an earlier process, 0 for none.
func (u *userSide) publish(id string, p cardplane.Port, before int, i cardplane.Interface) (cardplane.Port, error) {
	to, err := portTarget(p, i)
	if err != nil {
		return p, err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if made := u.ports[id]; made != nil {
		p.HostPort = made.Port
		return p, nil
	}
	l := u.plugs[i.Name]
	if u.closed || l == nil {
		return p, shuttingDown()
	}
	if p.HostPort == 0 {
		p.HostPort = before
	}
	made, err := l.plug.network.Publish(usernet.Forward{
		UDP: p.Protocol == cardplane.UDP, At: netip.AddrPortFrom(listenAt(p, to), uint16(p.HostPort)), To: netip.AddrPortFrom(to, uint16(p.ContainerPort)),
	})
	if err != nil {
		return p, err
	}
	u.ports[id], p.HostPort = made, made.Port
	return p, nil
}

// listenAt is the address at which a port is published that leads to another.
func listenAt(p cardplane.Port, to netip.Addr) netip.Addr {
	if a, err := netip.ParseAddr(p.HostAddress); err == nil {
		return a
	}
	if to.Is6() {
		return netip.IPv6Unspecified()
	}
	return netip.IPv4Unspecified()
}

// part takes off the interfaces that the machine is not to have any longer, and
// returns what gives their addresses back.
func (u *userSide) part(wanted []cardplane.Interface) (gone []store.Change) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for name, l := range u.plugs {
		if slices.ContainsFunc(wanted, func(i cardplane.Interface) bool { return i.Name == name && i.MAC == l.of.MAC }) {
			continue
		}
		u.dropLocked(name)
		for _, a := range addressesOf(l.of) {
			gone = append(gone, store.EndAddress(l.of.NetworkID, a))
		}
	}
	return gone
}

// dropLocked takes an interface off its network.
func (u *userSide) dropLocked(name string) {
	l := u.plugs[name]
	if l == nil {
		return
	}
	delete(u.plugs, name)
	if l.cancel != nil {
		l.cancel()
		<-l.done
	}
	l.plug.leave()
}

// close takes the machine off its networks, for good.
func (u *userSide) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.closed = true
	for id, p := range u.ports {
		p.Close()
		delete(u.ports, id)
	}
	for name := range u.plugs {
		u.dropLocked(name)
	}
}
