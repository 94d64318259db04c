package cli

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/cardplane/cardplane/cardplane"
)

// specOf parses the flags of a command line that runs image x.
func specOf(t *testing.T, args ...string) (cardplane.ContainerSpec, error) {
	t.Helper()
	var f createFlags
	flags := pflag.NewFlagSet("run", pflag.ContinueOnError)
	f.register(flags)
	if err := flags.Parse(append(args, "x")); err != nil {
		return cardplane.ContainerSpec{}, err
	}
	return f.spec(flags.Args(), func(key string) string { return map[string]string{"HOME": "/me"}[key] })
}

func TestOptionFlags(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	profile := file("profile", `{"defaultAction": "SCMP_ACT_ALLOW"}`)
	got, err := specOf(t, "--env-file", file("env", "# none\nA=1\nB=2\nHOME\nNONE\n"), "-e", "B=3",
		"--label-file", file("labels", "a=b\n"), "-l", "c", "--annotation", "k=v=w", "--sysctl", "vm.swappiness=1",
		"--ulimit", "nofile=1:2", "--ulimit", "core=-1", "--tmpfs", "/t", "--tmpfs", "/u:size=1m,mode=700,uid=1,gid=2,ro,exec,suid,nodev",
		"--shm-size", "1m", "--group-add", "g", "--add-host", "a:::1", "--add-host", "b=[::2]", "--add-host", "c:1.2.3.4",
		"--cap-add", "ALL", "--cap-drop", "KILL", "--privileged", "--security-opt", "seccomp="+profile,
		"--security-opt", "no-new-privileges:true", "--stop-timeout", "0", "--init", "--network", "none")
	if err != nil {
		t.Fatal(err)
	}
	zero := 0
	want := cardplane.ContainerSpec{
		Image: "x", Env: map[string]string{"A": "1", "B": "3", "HOME": "/me"}, Labels: map[string]string{"a": "b", "c": ""},
		Annotations: map[string]string{"k": "v=w"}, Sysctls: map[string]string{"vm.swappiness": "1"},
		Ulimits:  []cardplane.Ulimit{{Name: "nofile", Soft: 1, Hard: 2}, {Name: "core", Soft: -1, Hard: -1}},
		Tmpfs:    []cardplane.Tmpfs{{Path: "/t"}, {Path: "/u", SizeBytes: 1 << 20, Mode: "700", UID: 1, GID: 2, ReadOnly: true, Exec: true, SUID: true}},
		ShmBytes: 1 << 20, Groups: []string{"g"},
		Hosts: []cardplane.HostEntry{{Name: "a", Address: "::1"}, {Name: "b", Address: "::2"}, {Name: "c", Address: "1.2.3.4"}},
		Security: cardplane.Security{Privileged: true, CapAdd: []string{"ALL"}, CapDrop: []string{"KILL"}, NoNewPrivileges: true,
			SeccompProfile: []byte(`{"defaultAction": "SCMP_ACT_ALLOW"}`)},
		StopSeconds: &zero, Init: true, Networks: []cardplane.NIC{},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if plain, err := specOf(t); err != nil || !reflect.DeepEqual(plain, cardplane.ContainerSpec{Image: "x"}) {
		t.Errorf("without flags: %+v, %v", plain, err)
	}
}

func TestBadOptionFlags(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("no json"), 0o644); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string]string{
		"--env-file: open nonesuch":   "--env-file nonesuch",
		`"k" has no value`:            "--annotation k",
		`"=v" has no value`:           "--sysctl =v",
		"no limit is given":           "--ulimit nofile",
		"a limit is a number":         "--ulimit nofile=1:x",
		`there is no option "sync"`:   "--tmpfs /t:sync",
		`"many" is no size`:           "--tmpfs /t:size=many",
		`"-1" is no number of a user`: "--tmpfs /t:uid=-1",
		"--shm-size":                  "--shm-size lots",
		"there is no address":         "--add-host db",
		"neither AppArmor":            "--security-opt apparmor=x",
		"there is no such option":     "--security-opt loose",
		"no profile is given":         "--security-opt seccomp",
		"the file holds no JSON":      "--security-opt seccomp=" + text,
		"no such file":                "--security-opt seccomp=nonesuch",
		"no file system in common":    "-v /etc:/etc",
		"mount a volume, NAME:PATH":   "--mount type=bind,src=/,dst=/x",
		"without a name":              "--volumes-from web",
		"cannot be passed":            "--device /dev/kvm",
		"use the compute host's":      "--network host",
		"no other network":            "--network none --network a",
		"is unknown; use alias":       "--network a,b=c",
		"is no address":               "-p x:80:80",
		"is no port":                  "-p 0",
		"differ in length":            "-p 80-81:80",
		"use tcp or udp":              "-p 80:80/sctp",
		"by name; put both":           "--link db",
		"virtual machine of its own":  "--ipc host",
		"--memory and --cpus":         "--cgroup-parent x",
	} {
		if _, err := specOf(t, strings.Fields(args)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", args, err, want)
		}
	}
}
