package kvm

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestProcessor(t *testing.T) {
	for _, tc := range []struct {
		name, cpuinfo string
		ok            bool
	}{
		{"intel", "processor\t: 0\nflags\t\t: fpu vme vmx ssse3\n", true},
		{"amd", "processor\t: 0\nflags\t\t: fpu svm\nprocessor\t: 1\nflags\t\t: fpu\n", true},
		{"none", "processor\t: 0\nflags\t\t: fpu vme\nvmx flags\t: vnmi\n", false},
		{"a longer word", "flags: xsvm vmxx\n", false},
		{"empty", "", false},
	} {
		err := processor(strings.NewReader(tc.cpuinfo))
		var u *Unusable
		if tc.ok != (err == nil) || !tc.ok && (!errors.As(err, &u) || u.Lack != NoProcessor || u.Remedy() == "") {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

func TestDevice(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]Lack{filepath.Join(dir, "none"): NoDevice, plain: BadDevice, dir: BadDevice} {
		var u *Unusable
		if err := device(path); !errors.As(err, &u) || u.Lack != want {
			t.Errorf("%s: %v, want lack %d", path, err, want)
		}
	}
}
