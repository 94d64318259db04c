package initramfs

import (
	"fmt"
	"io"
	"strings"
)

// Paths inside the initramfs that cmd/initrd-init relies on.
const (
	// ModuleDir holds the modules.
	ModuleDir = "modules"
	// ModuleList names the files of ModuleDir, one a line, in load order.
	ModuleList = "modules/load"
)

// Module is a kernel module file to load at boot.
type Module struct {
	Name    string
	Content []byte
}

// Build writes an initramfs with the program init and the modules, which are
// loaded in the order given.
func Build(w io.Writer, init []byte, modules []Module) error {
	entries := []Entry{
		{Name: "dev", Mode: 0o755, Dir: true},
		{Name: "proc", Mode: 0o755, Dir: true},
		{Name: "root", Mode: 0o755, Dir: true},
		{Name: "init", Mode: 0o755, Content: init},
		{Name: ModuleDir, Mode: 0o755, Dir: true},
	}
	var list strings.Builder
	for _, m := range modules {
		file := m.Name + ".ko"
		fmt.Fprintln(&list, file)
		entries = append(entries, Entry{Name: ModuleDir + "/" + file, Mode: 0o644, Content: m.Content})
	}
	entries = append(entries, Entry{Name: ModuleList, Mode: 0o644, Content: []byte(list.String())})
	return WriteCPIO(w, entries)
}
