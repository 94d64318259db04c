package main

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
	"github.com/ulikunitz/xz"

	"github.com/cardplane/cardplane/rootfs/cache"
	"github.com/cardplane/cardplane/rootfs/debian"
	"github.com/cardplane/cardplane/rootfs/elftest"
	"github.com/cardplane/cardplane/rootfs/image"
	"github.com/cardplane/cardplane/rootfs/manifest"
)

func TestParseFlags(t *testing.T) {
	guest := []string{"guest", "--agent", "a", "--initrd-init", "i", "--bareinit", "b"}
	cases := map[string]struct {
		args []string
		want string
	}{
		"nothing":        {nil, "mkrootfs guest"},
		"unknown":        {[]string{"disk"}, `"disk" is no command`},
		"guest":          {guest, ""},
		"kernel":         {[]string{"kernel", "--jobs", "4"}, ""},
		"no agent":       {[]string{"guest", "--initrd-init", "i", "--bareinit", "b"}, "--agent is missing"},
		"bad kernel":     {append(guest, "--kernel", "other"), "must be debian or own"},
		"stray argument": {append(guest, "x"), `unexpected argument "x"`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Setenv(cache.Env, "/some/cache")
			m := NewMain()
			err := m.ParseFlags(c.args)
			if c.want == "" {
				if err != nil || m.CacheDir != "/some/cache" {
					t.Errorf("cache %q: %v", m.CacheDir, err)
				}
				return
			}
			if err == nil || errors.Is(err, flag.ErrHelp) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// fixture is a guest made of packages that are built for the test, a few KiB
// each, in place of Debian's.
func fixture(t *testing.T) *guest {
	t.Helper()
	if _, err := exec.LookPath("dpkg-deb"); err != nil {
		t.Skip("dpkg-deb is missing; install dpkg to run this test")
	}
	dir := t.TempDir()
	static := elftest.Build(elftest.File{})
	program := func(name string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, append(bytes.Clone(static), name...), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	m := NewMain()
	m.log.SetOutput(io.Discard)
	m.log.SetLevel(logrus.ErrorLevel)
	m.Kernel = kernelDebian
	m.Agent, m.InitrdInit, m.BareInit = program("agent"), program("initrd-init"), program("bareinit")
	crun := elftest.Build(elftest.File{Interpreter: "/lib64/ld.so", Needed: []string{"libc.so.6"}})
	return &guest{
		Main: m,
		packages: []debian.Package{
			buildDeb(t, "tini", map[string][]byte{"usr/bin/tini-static": static}),
			buildDeb(t, "crun", map[string][]byte{"usr/bin/crun": crun}),
			buildDeb(t, "libc6", map[string][]byte{"lib/x86_64-linux-gnu/libc.so.6": static, "lib64/ld.so": static}),
		},
		kernel: buildDeb(t, "linux-image", kernelFiles(t)),
	}
}

// kernelFiles is a kernel package: the kernel, and every module by one name or
// another.
func kernelFiles(t *testing.T) map[string][]byte {
	t.Helper()
	files := map[string][]byte{
		"boot/vmlinuz-6.12.0-test": elftest.BzImage(elftest.Build(elftest.File{PVH: true})),
	}
	for _, name := range []string{"virtio_blk", "tun", "erofs", "overlay", "vmw_vsock_virtio_transport",
		"virtio_net", "virtio-rng", "virtio_balloon", "pvpanic-pci", "button", "evdev", "libcrc32c"} {
		info := "depends=\x00name=" + name
		if name == "erofs" {
			info = "depends=libcrc32c"
		}
		module := elftest.Build(elftest.File{Sections: map[string][]byte{".modinfo": []byte(info + "\x00")}})
		var packed bytes.Buffer
		w, err := xz.NewWriter(&packed)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(module); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		files["lib/modules/6.12.0-test/kernel/"+name+".ko.xz"] = packed.Bytes()
	}
	return files
}

func buildDeb(t *testing.T, name string, files map[string][]byte) debian.Package {
	t.Helper()
	root := t.TempDir()
	files["DEBIAN/control"] = []byte("Package: " + name +
		"\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n")
	for file, content := range files {
		path := filepath.Join(root, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	deb := filepath.Join(t.TempDir(), name+".deb")
	if out, err := exec.Command("dpkg-deb", "--root-owner-group", "-b", root, deb).CombinedOutput(); err != nil {
		t.Fatalf("dpkg-deb: %v: %s", err, out)
	}
	return debian.Package{Name: name, Version: "1", Path: deb}
}

func requireMkfs(t *testing.T) {
	t.Helper()
	if err := image.Scratches[0].Make(t.Context(), t.TempDir()); err != nil {
		t.Skip(err)
	}
}

func TestTwoBuildsHaveOneDigest(t *testing.T) {
	requireMkfs(t)
	g := fixture(t)
	var made [2]*manifest.Manifest
	for i := range made {
		dir := t.TempDir()
		if err := g.write(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
		m, err := manifest.Read(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Verify(dir); err != nil {
			t.Error(err)
		}
		made[i] = m
	}
	if !reflect.DeepEqual(made[0], made[1]) {
		t.Errorf("two builds differ:\n%+v\n%+v", made[0], made[1])
	}
	m := made[0]
	if m.Kernel.Release != "6.12.0-test" || m.Initrd == nil || !strings.Contains(m.Cmdline, "init="+image.AgentPath) {
		t.Errorf("got %+v", m)
	}
}

func TestOwnKernelMustBeBuiltFirst(t *testing.T) {
	g := fixture(t)
	g.Kernel, g.CacheDir = kernelOwn, t.TempDir()
	if err := g.write(t.Context(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "make kernel") {
		t.Errorf("got %v", err)
	}
}
