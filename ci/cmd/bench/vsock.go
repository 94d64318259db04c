package main

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/ci/harness"
	"github.com/cardplane/cardplane/ci/streambench"
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/link"
	"github.com/cardplane/cardplane/vmm/vsock"
)

// Volume of the measurements: enough to be past any buffer.
const (
	vsockPort   = 5000
	vsockBytes  = 32 << 20
	vsockRounds = 1000
)

// vsockDevice measures the device through the link, as the card uses it.
func vsockDevice(ctx context.Context, s *harness.Stack) error {
	l, err := s.Link()
	if err != nil {
		return err
	}
	defer l.Close()
	spec := probe(fmt.Sprint("vsock ", vsockPort))
	spec.Security.Seccomp = cardplane.SeccompUnconfined // Docker's profile has no AF_VSOCK
	_, err = withContainer(ctx, s, spec, func(string) (struct{}, error) {
		return struct{}{}, measureVsock(ctx, l)
	})
	return err
}

func measureVsock(ctx context.Context, l *link.Link) error {
	vm, err := onlyVM(ctx, l)
	if err != nil {
		return err
	}
	with := func(fn func(net.Conn) error) error {
		conn, err := vsock.DialRetry(ctx, tunnel(l, vm), vsockPort)
		if err != nil {
			return err
		}
		return errors.Join(fn(conn), conn.Close())
	}
	err = with(func(c net.Conn) error {
		rtt, err := streambench.RoundTrips(c, 64, vsockRounds)
		fmt.Printf("vsock 64-byte round trip     median %.3f ms\n", float64(rtt.Microseconds())/1000)
		return err
	})
	for _, size := range []int{4 << 10, 32 << 10, 256 << 10} {
		err = errors.Join(err, with(func(c net.Conn) error {
			rate, err := streambench.FromServer(c, size, vsockBytes)
			fmt.Printf("vsock guest→card, %3d KB     %.0f MB/s\n", size>>10, rate/1e6)
			return err
		}), with(func(c net.Conn) error {
			rate, err := streambench.ToServer(c, size, vsockBytes)
			fmt.Printf("vsock card→guest, %3d KB     %.0f MB/s\n", size>>10, rate/1e6)
			return err
		}))
	}
	return err
}

// tunnel dials the VM's hybrid-vsock socket through the link.
func tunnel(l *link.Link, vm string) vsock.DialFunc {
	return func(ctx context.Context) (net.Conn, error) { return l.Tunnel(ctx, vm, hostapi.Vsock) }
}

func onlyVM(ctx context.Context, l *link.Link) (string, error) {
	vms, err := l.VMs(ctx)
	if err != nil {
		return "", err
	}
	if len(vms) != 1 {
		return "", fmt.Errorf("%d VMs run, want 1", len(vms))
	}
	return vms[0].Id, nil
}
