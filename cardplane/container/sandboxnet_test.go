package container_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// servingSandbox makes a sandbox called pod that publishes a port.
func (p *plane) servingSandbox(hostPort int) cardplane.Sandbox {
	p.w.t.Helper()
	s, err := p.Sandboxes().Create(p.w.ctx, cardplane.SandboxSpec{
		Name: "pod", Networks: []cardplane.NIC{{Network: cardplane.DefaultNetwork, Aliases: []string{"shop"}}},
		Ports: []cardplane.Port{{HostPort: hostPort, ContainerPort: 80}},
	}, "")
	return must(p.w.t, s, err)
}

// awaitForwards waits until the host has n published ports on one network.
func (w *world) awaitForwards(n int) {
	w.t.Helper()
	for {
		networks, forwards, _ := w.net.left()
		if networks == 1 && forwards == n {
			return
		}
		select {
		case <-time.After(time.Millisecond):
		case <-w.ctx.Done():
			w.t.Fatalf("%d networks and %d published ports, want %d", networks, forwards, n)
		}
	}
}

// All containers of a sandbox are found at its address, each by its name, for
// as long as each runs; the next control plane keeps it so.
func TestSandboxOnNetwork(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	p.servingSandbox(0)
	a, b := p.run("sleep 1000", inPod, named("a")), p.run("sleep 1000", inPod, named("b"))
	pod, err := p.Sandboxes().Get(w.ctx, "pod")
	if must(t, pod, err); len(pod.Interfaces) != 1 || len(pod.Published) != 1 || pod.Published[0].HostPort == 0 {
		t.Fatalf("interfaces %+v, ports %+v", pod.Interfaces, pod.Published)
	}
	addr := netip.MustParsePrefix(pod.Interfaces[0].Addresses[0]).Addr().String()
	out := p.run("sleep 1000", named("out"))
	for _, name := range []string{"pod", "a", "b", "shop", "pod.default", a.ID[:12]} {
		w.awaitName(1, name, addr)
	}
	w.awaitName(0, "out", addressOf(out, 0))
	w.awaitName(0, "a", addr)
	if err := p.Remove(w.ctx, a.ID, true, ""); err != nil {
		t.Fatal(err)
	}
	w.awaitName(1, "a", "")
	w.awaitName(1, "b", addr)

	p.close()
	w.net.lose()
	p = w.open(nil)
	w.awaitForwards(1)
	c := p.run("sleep 1000", inPod, named("c"))
	w.awaitName(1, "c", addr)
	for _, id := range []string{b.ID, c.ID, out.ID} {
		if err := p.Remove(w.ctx, id, true, ""); err != nil {
			t.Fatal(err)
		}
	}
	w.wantClean(p, 0)
	again := p.run("true", inPod)
	p.end(again.ID)
	w.wantClean(p, 1)
}

// A sandbox whose port is taken does not start, and leaves nothing; once the
// port is free it does.
func TestSandboxPortTaken(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	p.servingSandbox(8080)
	first := p.run("sleep 1000", func(spec *cardplane.ContainerSpec) {
		spec.Ports = []cardplane.Port{{HostPort: 8080, ContainerPort: 80}}
	})
	second := p.create("exit 3", inPod)
	_, err := p.Start(w.ctx, second.ID)
	if e := apierr.From(err); e.Code != "port_taken" || e.Field != "/ports/0" {
		t.Errorf("%+v", e)
	}
	if err := p.Remove(w.ctx, first.ID, true, ""); err != nil {
		t.Error(err)
	}
	w.wantClean(p, 0)
	started, err := p.Start(w.ctx, second.ID)
	must(t, started, err)
	if c := p.end(second.ID); c.ExitCode != 3 {
		t.Errorf("exit code %d, error %v", c.ExitCode, c.Error)
	}
	w.wantClean(p, 1)
}

// The networks of a sandbox are checked as those of a container are.
func TestSandboxNetworkOptions(t *testing.T) {
	p := newWorld(t, "").open(nil)
	for code, spec := range map[string]cardplane.SandboxSpec{
		"network_not_found":     {Networks: []cardplane.NIC{{Network: "nonesuch"}}},
		"network_twice":         {Networks: []cardplane.NIC{{Network: "default"}, {Network: "default"}}},
		"ports_without_network": {Networks: []cardplane.NIC{}, Ports: []cardplane.Port{{ContainerPort: 80}}},
		"invalid_port":          {Ports: []cardplane.Port{{ContainerPort: 70000}}},
	} {
		if _, err := p.Sandboxes().Create(p.w.ctx, spec, ""); !apierr.Is(err, code) {
			t.Errorf("want %s: %v", code, err)
		}
	}
	if all, err := p.Sandboxes().List(p.w.ctx, cardplane.SandboxFilter{}); err != nil || len(all) != 0 {
		t.Errorf("%d sandboxes were made, %v", len(all), err)
	}
}
