package hostimage

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/rootfs/elftest"
	"github.com/cardplane/cardplane/rootfs/image"
	"github.com/cardplane/cardplane/rootfs/kernel"
)

func TestScriptsAreShell(t *testing.T) {
	for place, file := range scripts {
		text, err := files.ReadFile("files/" + file)
		if err != nil {
			t.Fatal(err)
		}
		if place == "/etc/inittab" {
			continue
		}
		cmd := exec.Command("sh", "-n")
		cmd.Stdin = bytes.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", file, err, out)
		}
	}
}

func TestSplit(t *testing.T) {
	early, late := split([]kernel.Module{{Name: "kvm"}, {Name: kvmAMD}, {Name: "tun"}, {Name: kvmIntel}})
	if len(early) != 2 || len(late) != 2 || early[1].Name != "tun" || late[0].Name != kvmAMD {
		t.Errorf("early %v, late %v", early, late)
	}
}

// A program whose library is in none of the packages stops the build.
func TestMissingLibraryStopsTheBuild(t *testing.T) {
	static := elftest.Build(elftest.File{})
	found := image.NewFiles()
	found.Add(busyboxPath, static)
	found.Add(bashPath, static)
	found.Add(nftPath, static)
	found.Add(setprivPath, static)
	needy := elftest.Build(elftest.File{Interpreter: "/lib64/ld.so", Needed: []string{"libnone.so"}})
	if _, err := rootTree(found, programs{vmmd: static, hostctl: static, cloudHypervisor: needy}, nil); err == nil || !strings.Contains(err.Error(), "cloud-hypervisor") {
		t.Errorf("got %v", err)
	}
	if _, err := rootTree(found, programs{vmmd: static, hostctl: static, cloudHypervisor: static}, nil); err != nil {
		t.Error(err)
	}
}
