package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/cardplane/cardplane/ci/harness"
)

const (
	// auditRounds is how often everything is made and removed, and auditKills in
	// how many of them both daemons are killed in the middle.
	auditRounds, auditKills = 100, 10
	// startTime is about what a start takes, during which a kill comes.
	startTime = 4 * time.Second
	// auditTimeout bounds how long the host may take to be clean after that.
	auditTimeout = time.Minute
)

// inventory is a script that lists what the host has of networks, disks and
// machines. Blobs and templates are caches, and stay.
const inventory = `
ls /proc/sys/net/ipv4/conf
nft list ruleset 2>/dev/null | grep -v counter
find %s -path '*blob*' -prune -o -path '*snapshot*' -prune -o -type f -print | grep -v '/ledger\|\.lock$\|\.json$' || true
pgrep -c -f 'ch-qemu|cloud-hypervisor' || true
`

// audit makes and removes a network, a volume and a container with a published
// port again and again, kills the daemons in between, and compares what the host
// has before and after.
func audit(ctx context.Context, s *harness.Stack) error {
	if err := auditRound(ctx, s, "first", false); err != nil { // brings the caches
		return err
	}
	before, err := s.OnHost(fmt.Sprintf(inventory, s.HostData()))
	if err != nil {
		return err
	}
	for i := range auditRounds {
		kill := i%(auditRounds/auditKills) == auditRounds/auditKills-1
		if err := auditRound(ctx, s, fmt.Sprint("round-", i), kill); err != nil {
			return fmt.Errorf("round %d: %w", i, err)
		}
	}
	var after string
	for deadline := time.Now().Add(auditTimeout); ; time.Sleep(time.Second) {
		if after, err = s.OnHost(fmt.Sprintf(inventory, s.HostData())); err != nil {
			return err
		}
		if after == before {
			break
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("left behind after %d rounds:\n%s\nthere was before:\n%s", auditRounds, after, before)
		}
	}
	fmt.Printf("audit                        %d rounds, both daemons killed in %d of them: nothing left\n", auditRounds, auditKills)
	return nil
}

// auditRound makes all and removes it. With kill both daemons are killed while
// the container is being started, or runs already.
func auditRound(ctx context.Context, s *harness.Stack, name string, kill bool) error {
	do := func(step string) error {
		_, err := output(s.Cardctl(ctx, strings.Fields(fmt.Sprintf(step, name))...))
		return err
	}
	begin := fmt.Sprintf("run -d --name %[1]s --network %[1]s -p 127.0.0.1::80 -v %[1]s:/data demo/probe /probe forever", name)
	run := s.Cardctl(ctx, strings.Fields(begin)...)
	if err := errors.Join(do("network create %s"), do("volume create %s"), run.Start()); err != nil {
		return err
	}
	if kill {
		time.Sleep(rand.N(startTime))
		if err := killBoth(ctx, s); err != nil {
			return err
		}
	}
	if err := run.Wait(); err != nil && !kill {
		return err
	}
	if err := do("rm -f %s"); err != nil && !strings.Contains(err.Error(), "no container") {
		return err
	}
	return errors.Join(do("volume rm %s"), do("network rm %s"))
}

// killBoth kills both daemons and starts them again.
func killBoth(ctx context.Context, s *harness.Stack) error {
	for _, do := range []func() error{
		s.KillCard, s.KillHost,
		func() error { return s.StartHost(ctx) }, func() error { return s.StartCard(ctx) },
	} {
		if err := do(); err != nil {
			return err
		}
	}
	return nil
}
