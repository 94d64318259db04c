package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/ci/harness"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
	"github.com/cardplane/cardplane/openapi/guestwire"
	"github.com/cardplane/cardplane/vmm/link"
	"github.com/cardplane/cardplane/vmm/vsock"
)

// many is how many containers run at once in the measurements of scale.
const many = 8

// memory prints the resident memory of the daemons with no container and with
// many, and that of a guest.
func memory(ctx context.Context, s *harness.Stack) error {
	card0, host0, err := daemons(s)
	if err != nil {
		return err
	}
	if err := guestMemory(ctx, s); err != nil {
		return err
	}
	remove, err := startMany(ctx, s)
	if err != nil {
		return errors.Join(err, remove())
	}
	card8, host8, err := daemons(s)
	if err != nil {
		return errors.Join(err, remove())
	}
	fmt.Printf("cardplaned resident          %.1f MB with none, %.1f MB with %d containers: %.2f MB each (aim: under 1)\n",
		card0, card8, many, (card8-card0)/many)
	fmt.Printf("vmmd resident                %.1f MB with none, %.1f MB with %d VMs (aim: under 20 in all)\n", host0, host8, many)
	return remove()
}

func daemons(s *harness.Stack) (card, host float64, err error) {
	card, err1 := residentMB(s.CardPID())
	host, err2 := residentMB(s.HostPID())
	return card, host, errors.Join(err1, err2)
}

// residentMB is VmRSS of a process, in megabytes.
func residentMB(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		var kb float64
		if _, err := fmt.Sscanf(line, "VmRSS: %f kB", &kb); err == nil {
			return kb * 1024 / 1e6, nil
		}
	}
	return 0, fmt.Errorf("process %d has no VmRSS", pid)
}

// guestMemory asks the agent of an idle guest.
func guestMemory(ctx context.Context, s *harness.Stack) error {
	l, err := s.Link()
	if err != nil {
		return err
	}
	defer l.Close()
	m, err := withContainer(ctx, s, probe("forever"), func(string) (guestapi.Memory, error) { return agentMemory(ctx, l) })
	if err != nil {
		return err
	}
	fmt.Printf("guest-agent resident         %.1f MB (aim: under 14)\n", float64(m.AgentResidentBytes)/1e6)
	fmt.Printf("guest memory used, idle      %.1f MB of %.0f MB (aim: under 40)\n", float64(m.TotalBytes-m.AvailableBytes)/1e6, float64(m.TotalBytes)/1e6)
	return nil
}

func agentMemory(ctx context.Context, l *link.Link) (guestapi.Memory, error) {
	vm, err := onlyVM(ctx, l)
	if err != nil {
		return guestapi.Memory{}, err
	}
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return vsock.Dial(ctx, tunnel(l, vm), guestwire.ControlPort)
		},
	}
	client, err := guestapi.NewClient("http://guest", guestapi.WithHTTPClient(&http.Client{Transport: transport}))
	if err != nil {
		return guestapi.Memory{}, err
	}
	return apierr.Decode[guestapi.Memory](client.GetMemory(ctx))
}

// eightAtOnce starts many containers at the same moment.
func eightAtOnce(ctx context.Context, s *harness.Stack) error {
	start := time.Now()
	remove, err := startMany(ctx, s)
	took := time.Since(start)
	if err := errors.Join(err, remove()); err != nil {
		return err
	}
	fmt.Printf("%d containers at once         all run after %.1f s\n", many, took.Seconds())
	return nil
}

// startMany starts many containers at once. remove is never nil.
func startMany(ctx context.Context, s *harness.Stack) (remove func() error, err error) {
	containers := s.Client.Containers()
	var mu sync.Mutex
	var ids []string
	var errs []error
	var wg sync.WaitGroup
	for range many {
		wg.Add(1)
		go func() {
			defer wg.Done()
			c, err := containers.Create(ctx, cardplane.ContainerSpec{Image: "demo/probe", Command: []string{"/probe", "forever"}}, "")
			mu.Lock()
			ids = append(ids, c.ID)
			mu.Unlock()
			if err == nil {
				_, err = containers.Start(ctx, c.ID)
			}
			mu.Lock()
			errs = append(errs, err)
			mu.Unlock()
		}()
	}
	wg.Wait()
	remove = func() error {
		var errs []error
		for _, id := range ids {
			errs = append(errs, containers.Remove(context.WithoutCancel(ctx), id, true, ""))
		}
		return errors.Join(errs...)
	}
	return remove, errors.Join(errs...)
}
