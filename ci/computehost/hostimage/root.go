package hostimage

import (
	"embed"
	"fmt"
	"io/fs"
	"path"

	"github.com/cardplane/cardplane/rootfs/image"
	"github.com/cardplane/cardplane/rootfs/kernel"
)

// packages are the Debian packages of the host's root: busybox, nftables,
// setpriv, and bash, with which tests reach published ports; and the libraries
// that they and cloud-hypervisor need.
var packages = []string{
	"busybox-static", "bash", "nftables", "util-linux", "libcap-ng0",
	"libnftables1", "libedit2", "libnftnl11", "libmnl0", "libxtables12", "libjansson4", "libgmp10",
	"libtinfo6", "libbsd0", "libmd0", "libc6", "libgcc-s1",
}

// Where programs are in the host.
const (
	busyboxPath         = "/bin/busybox"
	bashPath            = "/bin/bash"
	nftPath             = "/usr/sbin/nft"
	setprivPath         = "/usr/bin/setpriv"
	vmmdPath            = "/usr/bin/vmmd"
	hostctlPath         = "/usr/bin/hostctl"
	cloudHypervisorPath = "/usr/bin/cloud-hypervisor"
)

//go:embed files
var files embed.FS

// scripts are the files of folder files, by their place in the host.
var scripts = map[string]string{
	"/etc/inittab":            "inittab",
	"/etc/rc":                 "rc",
	"/etc/vmmd":               "vmmd",
	"/etc/stop":               "stop",
	"/etc/acpi/PWRF/00000080": "power",
}

var etc = map[string]string{
	"/etc/passwd":   "root:x:0:0:root:/root:/bin/sh\n",
	"/etc/group":    "root:x:0:\nkvm:x:36:\n",
	"/etc/hostname": "compute-host\n",
	"/etc/hosts":    "127.0.0.1 localhost compute-host\n",
}

var directories = map[string]fs.FileMode{
	"/dev": 0o755, "/proc": 0o555, "/sys": 0o555, "/run": 0o755, "/tmp": 0o777 | fs.ModeSticky,
	"/mnt": 0o755, "/root": 0o700, "/var/lib/cardplane": 0o755, "/var/log": 0o755,
}

// applets are busybox's commands that the host has.
var applets = map[string][]string{
	"/sbin": {"init", "poweroff", "reboot", "acpid", "ip", "brctl", "lsmod", "insmod", "sysctl"},
	"/bin": {
		"sh", "awk", "basename", "cat", "chgrp", "chmod", "chown", "cp", "cut", "date", "dd", "df", "dmesg", "du", "echo", "env",
		"false", "find", "free", "grep", "gzip", "head", "hostname", "id", "kill", "killall", "ln", "ls", "mkdir", "mknod", "mktemp",
		"more", "mount", "mv", "netstat", "nproc", "od", "pidof", "printf", "ps", "pwd", "readlink", "realpath", "rm", "rmdir", "sed",
		"seq", "setsid", "sha256sum", "sleep", "sort", "stat", "sync", "tail", "tar", "tee", "test", "timeout", "top", "touch", "tr",
		"true", "truncate", "umount", "uname", "uniq", "uptime", "usleep", "wc", "which", "xargs",
	},
}

// programs are the executables that are no package's.
type programs struct{ vmmd, hostctl, cloudHypervisor []byte }

// rootTree lays the host's root out.
func rootTree(found *image.Files, p programs, late []kernel.Module) (*image.Tree, error) {
	t := image.NewTree()
	for _, m := range late {
		t.File("/lib/modules/"+m.Name+".ko", 0o644, m.Content)
	}
	found.Add(cloudHypervisorPath, p.cloudHypervisor)
	found.Add(vmmdPath, p.vmmd)
	found.Add(hostctlPath, p.hostctl)
	for _, name := range []string{busyboxPath, bashPath, nftPath, setprivPath, vmmdPath, hostctlPath, cloudHypervisorPath} {
		if err := addProgram(t, found, name); err != nil {
			return nil, err
		}
	}
	for name, mode := range directories {
		t.Directory(name, mode)
	}
	for dir, names := range applets {
		for _, name := range names {
			t.Link(path.Join(dir, name), busyboxPath)
		}
	}
	for name, text := range etc {
		t.File(name, 0o644, []byte(text))
	}
	for name, file := range scripts {
		text, err := files.ReadFile("files/" + file)
		if err != nil {
			return nil, err
		}
		t.File(name, 0o755, text)
	}
	t.Link("/var/run", "/run")
	return t, nil
}

// addProgram adds an executable and the libraries that it needs.
func addProgram(t *image.Tree, found *image.Files, name string) error {
	libraries, err := image.Dependencies(found, name)
	if err != nil {
		return fmt.Errorf("host root: %w", err)
	}
	for library, content := range libraries {
		t.File(library, 0o755, content)
	}
	content, _ := found.Lookup(name)
	t.File(name, 0o755, content)
	return nil
}
