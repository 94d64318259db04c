// Package elftest makes small ELF files for tests: enough for debug/elf to read
// an interpreter, needed libraries, notes and sections from, nothing to run.
package elftest

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"sort"
)

// File says what an ELF file shall contain.
type File struct {
	// Interpreter makes a program header PT_INTERP.
	Interpreter string
	// Needed are the DT_NEEDED entries of a dynamic section.
	Needed []string
	// PVH makes the note by which a kernel tells its PVH entry point.
	PVH bool
	// Sections are further sections by name.
	Sections map[string][]byte
}

const (
	headerSize  = 64
	programSize = 56
)

// section is one entry of the section table.
type section struct {
	name    string
	kind    elf.SectionType
	link    uint32
	entsize uint64
	content []byte
	offset  uint64
}

// Build returns the ELF file, for x86-64.
func Build(f File) []byte {
	sections := f.sections()
	programs := f.programs()
	var body bytes.Buffer
	start := uint64(headerSize + programSize*len(programs))
	place := func(content []byte) uint64 {
		for body.Len()%8 != 0 {
			body.WriteByte(0)
		}
		offset := start + uint64(body.Len())
		body.Write(content)
		return offset
	}
	for i := range programs {
		programs[i].header.Off = place(programs[i].content)
	}
	for i := range sections {
		sections[i].offset = place(sections[i].content)
	}
	table := place(nil)
	var out bytes.Buffer
	write(&out, fileHeader(len(programs), len(sections), table))
	for _, p := range programs {
		write(&out, p.header)
	}
	out.Write(body.Bytes())
	names := sections[len(sections)-1].content
	for _, s := range sections {
		write(&out, s.header(names))
	}
	return out.Bytes()
}

type program struct {
	header  elf.Prog64
	content []byte
}

func (f File) programs() []program {
	var list []program
	add := func(kind elf.ProgType, content []byte) {
		size := uint64(len(content))
		list = append(list, program{elf.Prog64{Type: uint32(kind), Filesz: size, Memsz: size, Align: 4}, content})
	}
	if f.Interpreter != "" {
		add(elf.PT_INTERP, append([]byte(f.Interpreter), 0))
	}
	if f.PVH {
		const ownerLen, descLen, physEntry32 = 4, 4, 18
		var note bytes.Buffer
		write(&note, [3]uint32{ownerLen, descLen, physEntry32})
		note.WriteString("Xen\x00")
		write(&note, uint32(0x1000000))
		add(elf.PT_NOTE, note.Bytes())
	}
	return list
}

// sections lists the section table: the null entry first, names last.
func (f File) sections() []section {
	list := []section{{kind: elf.SHT_NULL}}
	if len(f.Needed) > 0 {
		strings, dynamic := []byte{0}, bytes.Buffer{}
		for _, name := range f.Needed {
			write(&dynamic, elf.Dyn64{Tag: int64(elf.DT_NEEDED), Val: uint64(len(strings))})
			strings = append(append(strings, name...), 0)
		}
		write(&dynamic, elf.Dyn64{})
		list = append(list,
			section{name: ".dynstr", kind: elf.SHT_STRTAB, content: strings},
			section{name: ".dynamic", kind: elf.SHT_DYNAMIC, link: 1, entsize: 16, content: dynamic.Bytes()})
	}
	var names []string
	for name := range f.Sections {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		list = append(list, section{name: name, kind: elf.SHT_PROGBITS, content: f.Sections[name]})
	}
	table := []byte{0}
	for _, s := range list[1:] {
		table = append(append(table, s.name...), 0)
	}
	table = append(table, ".shstrtab\x00"...)
	return append(list, section{name: ".shstrtab", kind: elf.SHT_STRTAB, content: table})
}

func (s section) header(names []byte) elf.Section64 {
	if s.kind == elf.SHT_NULL {
		return elf.Section64{}
	}
	at := bytes.Index(names, []byte("\x00"+s.name+"\x00")) + 1
	return elf.Section64{Name: uint32(at), Type: uint32(s.kind), Off: s.offset, Size: uint64(len(s.content)),
		Link: s.link, Addralign: 1, Entsize: s.entsize}
}

func fileHeader(programs, sections int, table uint64) elf.Header64 {
	h := elf.Header64{
		Type: uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT),
		Phoff: headerSize, Shoff: table, Ehsize: headerSize,
		Phentsize: programSize, Phnum: uint16(programs),
		Shentsize: 64, Shnum: uint16(sections), Shstrndx: uint16(sections - 1),
	}
	copy(h.Ident[:], elf.ELFMAG)
	h.Ident[elf.EI_CLASS], h.Ident[elf.EI_DATA] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB)
	h.Ident[elf.EI_VERSION] = byte(elf.EV_CURRENT)
	return h
}

// write appends data of fixed size; a bytes.Buffer takes all.
func write(b *bytes.Buffer, data any) {
	if err := binary.Write(b, binary.LittleEndian, data); err != nil {
		panic(err)
	}
}
