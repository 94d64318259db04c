package image

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io"
	"path"
	"sort"
	"strings"
)

// libraryDirs is where Debian's packages keep shared libraries.
var libraryDirs = []string{
	"/lib/x86_64-linux-gnu",
	"/usr/lib/x86_64-linux-gnu",
	"/lib64",
}

// installDir is where libraries go in the guest: the first directory that
// Debian's ld.so tries without a cache file.
const installDir = "/lib/x86_64-linux-gnu"

// Dependencies returns what the dynamic executable name needs to run, taken
// from files: its interpreter at the path that it asks for, and all shared
// libraries, also the libraries' own, by the names that they are looked up by.
func Dependencies(files *Files, name string) (map[string][]byte, error) {
	program, ok := files.Lookup(name)
	if !ok {
		return nil, fmt.Errorf("program %s is in none of the packages", name)
	}
	interpreter, needed, err := readDynamic(program)
	if err != nil {
		return nil, fmt.Errorf("program %s: %w", name, err)
	}
	found := make(map[string][]byte)
	if interpreter != "" {
		if found[interpreter], err = findLibrary(files, path.Base(interpreter)); err != nil {
			return nil, fmt.Errorf("program %s: interpreter: %w", name, err)
		}
	}
	if err := addLibraries(files, found, needed, path.Base(interpreter)); err != nil {
		return nil, fmt.Errorf("program %s: %w", name, err)
	}
	return found, nil
}

// addLibraries puts the libraries called needed, and what they need, into found.
// The interpreter is a library as well and has its place already.
func addLibraries(files *Files, found map[string][]byte, needed []string, interpreter string) error {
	for _, soname := range needed {
		where := path.Join(installDir, soname)
		if found[where] != nil || soname == interpreter {
			continue
		}
		content, err := findLibrary(files, soname)
		if err != nil {
			return err
		}
		found[where] = content
		_, more, err := readDynamic(content)
		if err != nil {
			return fmt.Errorf("library %s: %w", soname, err)
		}
		if err := addLibraries(files, found, more, interpreter); err != nil {
			return fmt.Errorf("needed by %s: %w", soname, err)
		}
	}
	return nil
}

func findLibrary(files *Files, soname string) ([]byte, error) {
	for _, dir := range libraryDirs {
		if content, ok := files.Lookup(path.Join(dir, soname)); ok {
			return content, nil
		}
	}
	return nil, fmt.Errorf("library %s is in none of the packages", soname)
}

// readDynamic returns what an ELF file asks the dynamic linker for.
func readDynamic(content []byte) (interpreter string, needed []string, err error) {
	f, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		return "", nil, err
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			text, err := io.ReadAll(io.LimitReader(p.Open(), 4096))
			if err != nil {
				return "", nil, fmt.Errorf("read interpreter: %w", err)
			}
			interpreter = strings.TrimRight(string(text), "\x00")
		}
	}
	needed, err = f.ImportedLibraries()
	if err != nil {
		return "", nil, fmt.Errorf("read needed libraries: %w", err)
	}
	sort.Strings(needed)
	return interpreter, needed, nil
}

// requireStatic refuses an executable that needs an interpreter: the guest's
// libraries are only those of crun.
func requireStatic(content []byte) error {
	interpreter, _, err := readDynamic(content)
	if err != nil {
		return err
	}
	if interpreter != "" {
		return fmt.Errorf("is dynamically linked (needs %s); build it with CGO_ENABLED=0", interpreter)
	}
	return nil
}
