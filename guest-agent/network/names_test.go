package network_test

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/cardplane/cardplane/guest-agent/network"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

// countingLinks counts what becomes of diversions.
type countingLinks struct {
	fakeLinks
	ready, started, closed int
	refuse                 error
}

func (l *countingLinks) Divert(_, _ netip.AddrPort) (network.Diversion, error) {
	l.ready++
	return (*countingDiversion)(l), nil
}

type countingDiversion countingLinks

func (d *countingDiversion) Start() error { d.started++; return d.refuse }
func (d *countingDiversion) Close() error { d.closed++; return nil }

// The resolver is readied once and reached once names are wanted; one that
// could not be started is readied anew.
func TestNamesAreReadiedBeforeTheyAreWanted(t *testing.T) {
	links := &countingLinks{refuse: errors.New("no")}
	n := network.New(links, netip.MustParseAddrPort("127.0.0.1:53"))
	want := func(ready, started, closed int) {
		t.Helper()
		if links.ready != ready || links.started != started || links.closed != closed {
			t.Errorf("%d readied, %d started, %d closed", links.ready, links.started, links.closed)
		}
	}
	set := func(names map[string][]string) error {
		return n.Set(t.Context(), &guestapi.Network{Resolver: guestapi.Resolver{Names: names}})
	}
	if err := errors.Join(n.Prepare(t.Context()), n.Prepare(t.Context()), set(nil)); err != nil {
		t.Fatal(err)
	}
	want(1, 0, 0)
	some := map[string][]string{}
	if err := set(some); !apierr.Is(err, "network_failed") {
		t.Errorf("a start that is refused: %v", err)
	}
	want(1, 1, 1)
	links.refuse = nil
	if err := errors.Join(set(some), set(some)); err != nil {
		t.Error(err)
	}
	want(2, 2, 1)
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	want(2, 2, 2)
}
