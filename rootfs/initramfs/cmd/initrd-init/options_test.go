package main

import "testing"

func TestParseOptions(t *testing.T) {
	defaults := options{root: "/dev/vda", fsType: "erofs", readOnly: true, init: "/sbin/init"}
	with := func(change func(*options)) options {
		o := defaults
		change(&o)
		return o
	}
	cases := map[string]options{
		"":                                 defaults,
		"console=ttyS0 quiet panic=-1\n":   defaults,
		"init=/sbin/guest-agent":           with(func(o *options) { o.init = "/sbin/guest-agent" }),
		"init=/a init=/b":                  with(func(o *options) { o.init = "/b" }),
		"init=/a -- init=/b":               with(func(o *options) { o.init = "/a" }),
		"root=/dev/vdb rootfstype=ext4 rw": {root: "/dev/vdb", fsType: "ext4", init: "/sbin/init"},
		"rw ro":                            defaults,
		"initrd=/x rootwait noinit":        defaults,
	}
	for cmdline, want := range cases {
		if got := parseOptions(cmdline); got != want {
			t.Errorf("%q: got %+v, want %+v", cmdline, got, want)
		}
	}
}
