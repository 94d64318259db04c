package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/httpclient"
	"github.com/cardplane/cardplane/openapi/duplex"
)

// acceptPause is the pause after a connection that could not be taken, for
// want of files say.
const acceptPause = time.Second

func (a *App) portForwardCommand() *cobra.Command {
	var address string
	cmd := &cobra.Command{
		Use:   "port-forward [flags] CONTAINER [LOCAL:]REMOTE [[LOCAL:]REMOTE...]",
		Short: "Listen here and connect to ports of a container",
		Long: `Listen on TCP ports of this machine and carry every connection to a port that
a program in the container listens on, if only on its loopback address. The
container needs no network.

LOCAL is REMOTE unless given; 0 takes a free port, which is printed. It goes on
until it is interrupted, over restarts of the container and of the control
plane: they break connections off, and new ones get through again.`,
		Example: `  cardctl port-forward web 8080:80
  cardctl port-forward db 6379 0:9121
  cardctl port-forward --address 0.0.0.0 web 8080:80`,
		Args: needArgs(2, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var ports []forwardedPort
			for _, arg := range args[1:] {
				port, err := parseForward(arg)
				if err != nil {
					return usageError(cmd, "%w", err)
				}
				ports = append(ports, port)
			}
			return a.withClient(func(client *httpclient.Client) error {
				f := &portForwarder{containers: client.Containers(), ref: args[0], out: a.Out, err: a.Err}
				return f.run(cmd.Context(), address, ports)
			})
		},
	}
	cmd.Flags().StringVar(&address, "address", "127.0.0.1", "address of this machine to listen on; who reaches it reaches the container")
	return cmd
}

// forwardedPort is a port here, 0 for any, and one of the container.
type forwardedPort struct{ local, remote int }

// parseForward reads [LOCAL:]REMOTE.
func parseForward(arg string) (forwardedPort, error) {
	local, remote, two := strings.Cut(arg, ":")
	if !two {
		local, remote = arg, arg
	}
	to, err := strconv.ParseUint(remote, 10, 16)
	from, errLocal := strconv.ParseUint(local, 10, 16)
	if err != nil || errLocal != nil || to == 0 {
		return forwardedPort{}, fmt.Errorf("%q names no ports; give [LOCAL:]REMOTE, such as 8080:80, with REMOTE from 1 to %d", arg, cardplane.MaxPort)
	}
	return forwardedPort{local: int(from), remote: int(to)}, nil
}

// portForwarder carries connections to a container.
type portForwarder struct {
	containers cardplane.ContainerService
	ref        string
	running    sync.WaitGroup

	mu       sync.Mutex // orders what is written
	out, err io.Writer
}

// run returns when ctx has ended and all connections are closed.
func (f *portForwarder) run(ctx context.Context, address string, ports []forwardedPort) error {
	if _, err := f.containers.Get(ctx, f.ref); err != nil {
		return err
	}
	listeners, err := listenAll(address, ports)
	defer func() {
		for _, l := range listeners {
			_ = l.Close()
		}
		f.running.Wait()
	}()
	if err != nil {
		return err
	}
	for i, l := range listeners {
		f.say(f.out, "Forwarding %s to port %d of %s\n", l.Addr(), ports[i].remote, f.ref)
		f.running.Go(func() { f.accept(ctx, l, ports[i].remote) })
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

// listenAll returns a listener for each port, those that there are with an
// error.
func listenAll(address string, ports []forwardedPort) (listeners []net.Listener, err error) {
	for _, port := range ports {
		l, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(port.local)))
		if err != nil {
			return listeners, fmt.Errorf("%w; choose another port of this machine, as in 0:%d", err, port.remote)
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

// accept takes connections until l is closed.
func (f *portForwarder) accept(ctx context.Context, l net.Listener, port int) {
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			f.say(f.err, "cardctl: %v\n", err)
			select {
			case <-ctx.Done():
			case <-time.After(acceptPause):
			}
			continue
		}
		f.running.Go(func() {
			if err := f.carry(ctx, duplex.OverTCP(conn.(*net.TCPConn)), port); err != nil && ctx.Err() == nil {
				f.say(f.err, "cardctl: %v\n", err)
			}
		})
	}
}

// carry carries one connection. Its error is one of connecting: later ones are
// the connection's own, and either side sees them.
func (f *portForwarder) carry(ctx context.Context, local duplex.Conn, port int) error {
	defer func() { _ = local.Close() }()
	remote, err := f.containers.DialPort(ctx, f.ref, port)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _, _ = local.Close(), remote.Close() })
	defer stop()
	_ = duplex.Join(local, remote)
	return nil
}

func (f *portForwarder) say(w io.Writer, format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, _ = fmt.Fprintf(w, format, args...)
}
