package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/cardplane/cardplane/cardplane"
)

// parseUlimit reads NAME=SOFT[:HARD].
func parseUlimit(text string) (cardplane.Ulimit, error) {
	const help = "write NAME=SOFT or NAME=SOFT:HARD, such as nofile=1024:4096"
	name, values, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return cardplane.Ulimit{}, fmt.Errorf("no limit is given; %s", help)
	}
	first, second, both := strings.Cut(values, ":")
	if !both {
		second = first
	}
	soft, errSoft := strconv.ParseInt(first, 10, 64)
	hard, errHard := strconv.ParseInt(second, 10, 64)
	if errSoft != nil || errHard != nil {
		return cardplane.Ulimit{}, fmt.Errorf("a limit is a number; %s", help)
	}
	return cardplane.Ulimit{Name: name, Soft: soft, Hard: hard}, nil
}

// parseTmpfs reads PATH[:OPTION,...] with the options of mount(8).
func parseTmpfs(text string) (cardplane.Tmpfs, error) {
	at, options, _ := strings.Cut(text, ":")
	t := cardplane.Tmpfs{Path: at}
	for option := range strings.SplitSeq(options, ",") {
		if err := tmpfsOption(&t, option); err != nil {
			return t, err
		}
	}
	return t, nil
}

func tmpfsOption(t *cardplane.Tmpfs, option string) (err error) {
	key, value, _ := strings.Cut(option, "=")
	switch key {
	case "", "nodev":
	case "ro", "rw":
		t.ReadOnly = key == "ro"
	case "exec", "noexec":
		t.Exec = key == "exec"
	case "suid", "nosuid":
		t.SUID = key == "suid"
	case "size":
		t.SizeBytes, err = parseSize(value)
	case "mode":
		t.Mode = value
	case "uid":
		t.UID, err = parseID(value)
	case "gid":
		t.GID, err = parseID(value)
	default:
		err = fmt.Errorf("there is no option %q; there are size, mode, uid, gid, ro, rw, exec, noexec, suid, nosuid and nodev", key)
	}
	return err
}

func parseID(text string) (uint32, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is no number of a user or group", text)
	}
	return uint32(n), nil
}

// parseHost reads NAME:ADDRESS or NAME=ADDRESS, an IPv6 address also in
// brackets.
func parseHost(text string) (cardplane.HostEntry, error) {
	at := strings.IndexAny(text, "=:")
	if at < 0 {
		return cardplane.HostEntry{}, fmt.Errorf("there is no address; write NAME:ADDRESS, such as db:127.0.0.1")
	}
	address := strings.TrimSuffix(strings.TrimPrefix(text[at+1:], "["), "]")
	return cardplane.HostEntry{Name: text[:at], Address: address}, nil
}

// parseSecurityOption reads KEY=VALUE or KEY:VALUE, as docker does.
func parseSecurityOption(option string, s *cardplane.Security) (err error) {
	key, value := option, ""
	if at := strings.IndexAny(option, "=:"); at >= 0 {
		key, value = option[:at], option[at+1:]
	}
	switch key {
	case "no-new-privileges":
		s.NoNewPrivileges = true
		if value != "" {
			s.NoNewPrivileges, err = strconv.ParseBool(value)
		}
		return err
	case "seccomp":
		return parseSeccomp(value, s)
	case "apparmor", "label":
		return fmt.Errorf("the guest's kernel has neither AppArmor nor SELinux; leave it out: the virtual machine is the boundary")
	}
	return fmt.Errorf("there is no such option; there are seccomp and no-new-privileges")
}

func parseSeccomp(value string, s *cardplane.Security) error {
	switch value {
	case "":
		return fmt.Errorf("no profile is given; write seccomp=default, seccomp=unconfined or seccomp=FILE")
	case "default", "builtin":
		s.Seccomp = cardplane.SeccompDefault
	case "unconfined":
		s.Seccomp = cardplane.SeccompUnconfined
	default:
		text, err := os.ReadFile(value)
		if err != nil {
			return err
		}
		if !json.Valid(text) {
			return fmt.Errorf("the file holds no JSON; give a seccomp profile in Docker's format")
		}
		s.SeccompProfile = text
	}
	return nil
}
