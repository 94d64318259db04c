package bpf_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/cardplane/ocispec/bpf"
)

var update = flag.Bool("update", false, "write numbers.txt anew")

// constant is a system call in golang.org/x/sys.
var constant = regexp.MustCompile(`(?m)^\tSYS_(\w+)\s+= (\d+)$`)

// tables returns the numbers of system calls that golang.org/x/sys has, by
// architecture.
func tables(t *testing.T) map[uint32]map[string]uint32 {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.Dir}}", "golang.org/x/sys/unix").Output()
	if err != nil {
		t.Fatal(err)
	}
	all := map[uint32]map[string]uint32{}
	for arch, name := range map[uint32]string{unix.AUDIT_ARCH_X86_64: "amd64", unix.AUDIT_ARCH_I386: "386"} {
		text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "zsysnum_linux_"+name+".go"))
		if err != nil {
			t.Fatal(err)
		}
		all[arch] = map[string]uint32{}
		for _, m := range constant.FindAllStringSubmatch(string(text), -1) {
			n, err := strconv.ParseUint(m[2], 10, 32)
			if err != nil {
				t.Fatal(err)
			}
			all[arch][strings.ToLower(m[1])] = uint32(n)
		}
	}
	return all
}

// The table has every call of golang.org/x/sys.
func TestTable(t *testing.T) {
	all := tables(t)
	names := map[string]bool{}
	for _, table := range all {
		for name := range table {
			names[name] = true
		}
	}
	var want strings.Builder
	for _, name := range slices.Sorted(maps.Keys(names)) {
		fmt.Fprint(&want, name)
		for _, arch := range []uint32{unix.AUDIT_ARCH_X86_64, unix.AUDIT_ARCH_I386} {
			if n, ok := all[arch][name]; ok {
				fmt.Fprint(&want, " ", n)
			} else {
				fmt.Fprint(&want, " -")
			}
		}
		fmt.Fprintln(&want)
	}
	if *update {
		if err := os.WriteFile("numbers.txt", []byte(want.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want.String() != bpf.Numbers {
		t.Error("numbers.txt is not golang.org/x/sys's; run: go test ./cardplane/ocispec/bpf -run TestTable -update")
	}
}
