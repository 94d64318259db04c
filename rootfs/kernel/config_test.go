package kernel

import (
	"maps"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/rootfs/debian"
)

func TestGuestConfigParses(t *testing.T) {
	c, err := ParseConfig(GuestConfig)
	if err != nil {
		t.Fatal(err)
	}
	// A few that a guest cannot do without, one for each part of it.
	for _, name := range []string{"PVH", "VIRTIO_BLK", "EROFS_FS", "EXT4_FS", "OVERLAY_FS",
		"VIRTIO_VSOCKETS", "CGROUP_BPF", "SECCOMP_FILTER", "SERIAL_8250_CONSOLE"} {
		if c["CONFIG_"+name] != "y" {
			t.Errorf("CONFIG_%s is %q", name, c["CONFIG_"+name])
		}
	}
	if c["CONFIG_MODULES"] != "n" {
		t.Errorf("CONFIG_MODULES is %q: this kernel has no initrd to load any", c["CONFIG_MODULES"])
	}
}

func TestParseConfig(t *testing.T) {
	got, err := ParseConfig([]byte("# a comment\n\nCONFIG_A=y\nCONFIG_B=\"x=1\"\n# CONFIG_C is not set\nCONFIG_N=0x10\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := Config{"CONFIG_A": "y", "CONFIG_B": `"x=1"`, "CONFIG_C": "n", "CONFIG_N": "0x10"}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, bad := range []string{"A=y", "CONFIG_A", "CONFIG_A=", "CONFIG_A=y\nCONFIG_A=n", "CONFIG_A=y\n# CONFIG_A is not set"} {
		if _, err := ParseConfig([]byte(bad)); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

func TestVerifyConfig(t *testing.T) {
	effective := Config{"CONFIG_A": "y", "CONFIG_S": `"x"`, "CONFIG_OFF": "n"}
	cases := map[string]struct {
		asked Config
		want  []string
	}{
		"nothing":                   {Config{}, nil},
		"all there":                 {Config{"CONFIG_A": "y", "CONFIG_S": `"x"`}, nil},
		"off, one way or the other": {Config{"CONFIG_OFF": "n", "CONFIG_GONE": "n"}, nil},
		"dropped":                   {Config{"CONFIG_GONE": "y"}, []string{"CONFIG_GONE: asked for y, got n"}},
		"other value":               {Config{"CONFIG_S": `"z"`}, []string{`CONFIG_S: asked for "z", got "x"`}},
		"selected back":             {Config{"CONFIG_A": "n"}, []string{"CONFIG_A: asked for n, got y"}},
		"sorted": {Config{"CONFIG_Z": "y", "CONFIG_M": "y"},
			[]string{"CONFIG_M: asked for y, got n\n  CONFIG_Z: asked for y, got n"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := VerifyConfig(c.asked, effective)
			if (err != nil) != (c.want != nil) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			for _, text := range c.want {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%q lacks %q", err, text)
				}
			}
		})
	}
}

func TestKeyFollowsSourceAndConfig(t *testing.T) {
	source := debian.Package{Name: "linux-source", Version: "1", SHA256: "aa"}
	on := Config{"CONFIG_A": "y", "CONFIG_B": "y"}
	key := Key(source, on)
	other := source
	other.Version = "2"
	if Key(other, on) == key {
		t.Error("another source has the same key")
	}
	if Key(source, Config{"CONFIG_A": "n", "CONFIG_B": "y"}) == key {
		t.Error("another configuration has the same key")
	}
	other = source
	other.Path = "/elsewhere"
	if Key(other, on) != key {
		t.Error("the key follows where the package is kept")
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add(GuestConfig)
	f.Add([]byte("CONFIG_A=y\n# CONFIG_B is not set"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ParseConfig(text)
		if err == nil && VerifyConfig(c, c) != nil {
			t.Error("a configuration does not satisfy itself")
		}
	})
}
