package links

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Families of settings.
const (
	IPv4 = "ipv4"
	IPv6 = "ipv6"
)

// ForwardOne lets a single link pass IPv6 on, where the kernel can (Linux
// 6.17). For IPv4 that is the setting "forwarding".
const ForwardOne = "force_forwarding"

// Setting is a parameter that the kernel keeps for each interface (sysctl
// net.<family>.conf.<interface>.<name>).
type Setting struct{ Family, Interface, Name, Value string }

func (s Setting) path() string {
	return filepath.Join("/proc/sys/net", s.Family, "conf", s.Interface, s.Name)
}

// Set makes the parameter have the value. A kernel without IPv6 has none of
// its parameters, and needs none.
func (s Setting) Set() error {
	if have, err := s.Get(); err == nil && have == s.Value {
		return nil
	}
	err := os.WriteFile(s.path(), []byte(s.Value), 0)
	if err == nil || s.Family == IPv6 && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("set %s to %s: %w", s.path(), s.Value, err)
}

// Get returns what value the parameter has; s.Value is not looked at.
func (s Setting) Get() (string, error) {
	text, err := os.ReadFile(s.path())
	return strings.TrimSpace(string(text)), err
}

func flag(on bool) string {
	if on {
		return "1"
	}
	return "0"
}
