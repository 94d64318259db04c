package kernel

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/ulikunitz/xz"
)

// Module is a loadable kernel module, uncompressed.
type Module struct {
	// Name is the name inside the kernel, with underscores.
	Name string
	// Content is the ELF file without a signature, see stripSignature.
	Content []byte
	// Depends lists the modules that must be loaded before it.
	Depends []string
}

// maxModuleBytes bounds one unpacked module; the largest of the cloud kernel
// has 5 MiB.
const maxModuleBytes = 64 << 20

// ModuleName gives the name of the module in a file called
// "…/virtio-rng.ko.xz", and false for files that are no module.
func ModuleName(file string) (string, bool) {
	base, ok := strings.CutSuffix(strings.TrimSuffix(path.Base(file), ".xz"), ".ko")
	return strings.ReplaceAll(base, "-", "_"), ok
}

// ReadModule unpacks a .ko.xz file and reads what it depends on.
func ReadModule(name string, compressed []byte) (Module, error) {
	r, err := xz.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return Module{}, fmt.Errorf("module %s: %w", name, err)
	}
	content, err := io.ReadAll(io.LimitReader(r, maxModuleBytes))
	if err != nil {
		return Module{}, fmt.Errorf("module %s: %w", name, err)
	}
	depends, err := moduleDepends(content)
	if err != nil {
		return Module{}, fmt.Errorf("module %s: %w", name, err)
	}
	return Module{Name: name, Content: stripSignature(content), Depends: depends}, nil
}

// signatureMark ends a signed module; before it stands a struct
// module_signature (include/linux/module_signature.h of Linux) of 12 bytes, the
// last four of which are the signature's length, big endian.
const (
	signatureMark   = "~Module signature appended~\n"
	signatureHeader = 12
)

// stripSignature removes a module's signature. Checking the signatures of a
// guest's modules takes a tenth of a boot under TCG and proves nothing: Debian's
// kernel does not insist on signatures, and the initramfs as a whole is checked
// by its digest in the manifest.
func stripSignature(content []byte) []byte {
	signed, ok := bytes.CutSuffix(content, []byte(signatureMark))
	if !ok || len(signed) < signatureHeader {
		return content
	}
	header := len(signed) - signatureHeader
	length := int64(binary.BigEndian.Uint32(signed[header+8:]))
	if length > int64(header) {
		return content
	}
	return signed[:int64(header)-length]
}

// moduleDepends reads the depends= entry of section .modinfo. Debian's package
// has no modules.dep (depmod makes it when the package is installed), and this
// entry is what depmod works from.
func moduleDepends(content []byte) ([]string, error) {
	f, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	section := f.Section(".modinfo")
	if section == nil {
		return nil, fmt.Errorf("no .modinfo section")
	}
	info, err := section.Data()
	if err != nil {
		return nil, fmt.Errorf("read .modinfo: %w", err)
	}
	for _, entry := range strings.Split(string(info), "\x00") {
		if list, ok := strings.CutPrefix(entry, "depends="); ok && list != "" {
			return strings.Split(strings.ReplaceAll(list, "-", "_"), ","), nil
		}
	}
	return nil, nil
}

// OrderModules returns the wanted modules and all that they depend on, each
// after its dependencies and otherwise in the order wanted. read is asked once
// for each module.
func OrderModules(wanted []string, read func(name string) (Module, error)) ([]Module, error) {
	o := moduleOrder{read: read, state: make(map[string]visitState)}
	for _, name := range wanted {
		if err := o.add(name); err != nil {
			return nil, err
		}
	}
	return o.list, nil
}

type visitState int

const (
	unseen visitState = iota
	underWay
	placed
)

type moduleOrder struct {
	read  func(string) (Module, error)
	state map[string]visitState
	list  []Module
}

// add places name after its dependencies: a depth-first topological sort.
func (o *moduleOrder) add(name string) error {
	switch o.state[name] {
	case placed:
		return nil
	case underWay:
		return fmt.Errorf("module %s depends on itself through other modules", name)
	}
	o.state[name] = underWay
	m, err := o.read(name)
	if err != nil {
		return err
	}
	for _, dependency := range m.Depends {
		if err := o.add(dependency); err != nil {
			return fmt.Errorf("needed by module %s: %w", name, err)
		}
	}
	o.state[name] = placed
	o.list = append(o.list, m)
	return nil
}
