package vhostvsock_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/vmm/vhostvsock"
)

func TestListenRefusesBadConfigs(t *testing.T) {
	dir := shortTempDir(t)
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	taken := filepath.Join(dir, "taken")
	l, err := net.Listen("unix", taken)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	ok := vhostvsock.Config{VhostSocket: filepath.Join(dir, "vhost"), HybridSocket: filepath.Join(dir, "v"), GuestCID: 3}
	with := func(change func(*vhostvsock.Config)) vhostvsock.Config {
		c := ok
		change(&c)
		return c
	}
	for name, tc := range map[string]struct {
		cfg  vhostvsock.Config
		code string
	}{
		"cid 0":            {with(func(c *vhostvsock.Config) { c.GuestCID = 0 }), "vsock_cid_invalid"},
		"cid of the host":  {with(func(c *vhostvsock.Config) { c.GuestCID = 2 }), "vsock_cid_invalid"},
		"cid any":          {with(func(c *vhostvsock.Config) { c.GuestCID = 0xffffffff }), "vsock_cid_invalid"},
		"cid of 33 bits":   {with(func(c *vhostvsock.Config) { c.GuestCID = 1<<32 + 3 }), "vsock_cid_invalid"},
		"no path":          {with(func(c *vhostvsock.Config) { c.HybridSocket = "" }), "vsock_socket_path_invalid"},
		"long path":        {with(func(c *vhostvsock.Config) { c.HybridSocket = strings.Repeat("x", 108) }), "vsock_socket_path_invalid"},
		"a file there":     {with(func(c *vhostvsock.Config) { c.HybridSocket = file }), "vsock_socket_in_use"},
		"a listener there": {with(func(c *vhostvsock.Config) { c.HybridSocket = taken }), "vsock_socket_in_use"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := vhostvsock.Listen(tc.cfg)
			if !apierr.Is(err, tc.code) {
				t.Fatalf("Listen: %v, want code %s", err, tc.code)
			}
			if _, err := os.Lstat(ok.VhostSocket); !errors.Is(err, os.ErrNotExist) {
				t.Fatalf("vhost-user socket is left behind: %v", err)
			}
		})
	}
	if c, err := net.Dial("unix", taken); err != nil {
		t.Errorf("the other's listener is gone: %v", err)
	} else {
		_ = c.Close()
	}
}

func TestSocketFiles(t *testing.T) {
	dir := shortTempDir(t)
	cfg := vhostvsock.Config{VhostSocket: filepath.Join(dir, "vhost"), HybridSocket: filepath.Join(dir, "v"), GuestCID: 3}
	// What a killed process leaves: a socket file that nobody listens on.
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: cfg.HybridSocket})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	dev, err := vhostvsock.Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{cfg.VhostSocket, cfg.HybridSocket} {
		info, err := os.Lstat(path)
		if err != nil || info.Mode() != os.ModeSocket|0o600 {
			t.Errorf("%s: mode %v, %v", path, info.Mode(), err)
		}
	}
	// A successor's socket at the same path is not ours to remove.
	if err := os.Rename(cfg.VhostSocket, cfg.VhostSocket+".old"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cfg.VhostSocket, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(dev.Close(), dev.Close()); err != nil {
		t.Fatal(err)
	}
	if err := dev.Serve(context.Background()); !errors.Is(err, vhostvsock.ErrClosed) {
		t.Errorf("Serve after Close: %v", err)
	}
	if _, err := os.Lstat(cfg.HybridSocket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("hybrid socket after Close: %v", err)
	}
	if _, err := os.Lstat(cfg.VhostSocket); err != nil {
		t.Errorf("the successor's file is gone: %v", err)
	}
}
