package host

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestCheckUsers(t *testing.T) {
	closed := filepath.Join(t.TempDir(), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		uids  UIDRange
		dir   string
		lacks bool
		fatal bool
	}{
		"none":   {UIDRange{}, "/", true, false},
		"closed": {UIDRange{First: 2000000000, Last: 2000000009}, filepath.Join(closed, "run"), true, true},
		"taken":  {UIDRange{First: 65000, Last: 66000}, "/", true, false}, // nobody's
		"free":   {UIDRange{First: 2000000000, Last: 2000000009}, "/var/not/yet", false, false},
	} {
		err := CheckUsers(tc.uids, tc.dir)
		var lack *UsersLack
		if errors.As(err, &lack) != tc.lacks {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !tc.lacks {
			continue
		}
		if remedy, fatal := lack.Remedy(); remedy == "" || fatal != tc.fatal {
			t.Errorf("%s: %q, %v", name, remedy, fatal)
		}
	}
}

func TestTakes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ids")
	text := "root:x:0:0:root:/root:/bin/sh\nbroken\na:b:c\nlow:100000:65536\nuser:x:5005:5005::/:/bin/sh\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, uids := range map[string]UIDRange{
		"low": {First: 165535, Last: 200000}, "user": {First: 5000, Last: 5005}, "": {First: 165536, Last: 200000},
	} {
		if got := takes(path, uids); got != want {
			t.Errorf("%s: got %q, want %q", uids, got, want)
		}
	}
	if got := takes(path+".absent", UIDRange{First: 1, Last: 2}); got != "" {
		t.Errorf("got %q", got)
	}
}
