package cardplanetest

import (
	"encoding/json"
	"reflect"
	"time"

	"github.com/cardplane/cardplane/cardplane"
)

// options checks that what is asked for is what is there, to the last field.
func (s *suite) options() {
	grace := 0
	want := cardplane.ContainerSpec{
		StopSeconds: &grace,
		Annotations: map[string]string{"team": "blue"},
		Groups:      []string{"4242"},
		Init:        true,
		Hosts:       []cardplane.HostEntry{{Name: "db", Address: "::1"}},
		ShmBytes:    1 << 20,
		Tmpfs: []cardplane.Tmpfs{
			{Path: "/a"},
			{Path: "/b", SizeBytes: 4096, Mode: "0700", UID: 1, GID: 4294967294, ReadOnly: true, Exec: true, SUID: true},
		},
		Ulimits: []cardplane.Ulimit{{Name: "core", Soft: 0, Hard: cardplane.NoLimit}},
		Sysctls: map[string]string{"vm.max_map_count": "262144"},
		Healthcheck: &cardplane.Healthcheck{
			Command: []string{"true"}, Interval: time.Hour, Timeout: 1500 * time.Millisecond, StartPeriod: time.Minute,
			StartInterval: time.Millisecond, Retries: 7,
		},
		Security: cardplane.Security{
			Privileged: true, CapAdd: []string{"NET_ADMIN"}, CapDrop: []string{"ALL"}, NoNewPrivileges: true,
			SeccompProfile: json.RawMessage(`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_ERRNO","args":[{"index":0,"value":18446744073709551615,"op":"SCMP_CMP_EQ"}]}]}`),
		},
	}
	c := s.newContainer(func(spec *cardplane.ContainerSpec) {
		image, command := spec.Image, spec.Command
		*spec = want
		spec.Image, spec.Command = image, command
	}, "true")
	c, err := s.Containers.Get(s.ctx, c.ID)
	s.ok(err)
	got := reflect.ValueOf(c.Spec)
	for _, name := range []string{"StopSeconds", "Annotations", "Groups", "Init", "Hosts", "ShmBytes", "Tmpfs", "Ulimits", "Sysctls", "Healthcheck", "Security"} {
		if g, w := got.FieldByName(name).Interface(), reflect.ValueOf(want).FieldByName(name).Interface(); !reflect.DeepEqual(g, w) {
			s.t.Errorf("%s is %+v, want %+v", name, g, w)
		}
	}
}

// ownGracePeriod stops without naming one.
func (s *suite) ownGracePeriod() {
	grace := 0
	c := s.running(func(spec *cardplane.ContainerSpec) { spec.StopSeconds = &grace }, "sleep", "1000")
	c, err := s.Containers.Stop(s.ctx, c.ID, cardplane.StopOptions{Timeout: -1})
	s.ok(err)
	equal(s, "exit code", c.ExitCode, 137)
}
