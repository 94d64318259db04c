package repo

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/format"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/cardplane/cardplane/"

// goPackage is what `go list -json` says of a package.
type goPackage struct {
	ImportPath   string
	Standard     bool
	Dir          string
	GoFiles      []string
	Imports      []string
	TestImports  []string
	XTestImports []string
	Deps         []string
}

func list(t *testing.T, patterns ...string) []goPackage {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Standard,Dir,GoFiles,Imports,TestImports,XTestImports,Deps"}, patterns...)...)
	cmd.Dir = "../.."
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []goPackage
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// folder returns the top-level folder of an import path of this module.
func folder(importPath string) (string, bool) {
	rest, ok := strings.CutPrefix(importPath, module)
	if !ok {
		return "", false
	}
	top, _, _ := strings.Cut(rest, "/")
	return top, true
}

// mayImport is the direction of imports between the top-level folders, and
// what their tests may import beside that.
var mayImport = map[string]struct{ code, tests []string }{
	"openapi":     {},
	"vmm":         {code: []string{"openapi"}, tests: nil},
	"guest-agent": {code: []string{"openapi"}, tests: nil},
	"rootfs":      {code: nil, tests: nil},
	"cardplane":   {code: []string{"openapi", "vmm"}, tests: []string{"guest-agent"}},
	"ci":          {code: []string{"openapi", "vmm", "cardplane", "rootfs"}, tests: nil},
}

func TestImportDirection(t *testing.T) {
	for _, p := range list(t, "./...") {
		top, _ := folder(p.ImportPath)
		rule, known := mayImport[top]
		if !known {
			t.Errorf("%s: %q is not one of the repository's top-level folders; move the package", p.ImportPath, top)
			continue
		}
		// A package named …test exists for tests.
		code := rule.code
		if strings.HasSuffix(p.ImportPath, "test") {
			code = slices.Concat(rule.code, rule.tests)
		}
		check(t, p.ImportPath, top, p.Imports, code)
		check(t, p.ImportPath, top, slices.Concat(p.TestImports, p.XTestImports), slices.Concat(rule.code, rule.tests))
	}
}

func check(t *testing.T, importer, top string, imports, allowed []string) {
	t.Helper()
	for _, imported := range imports {
		if to, ours := folder(imported); ours && to != top && !slices.Contains(allowed, to) {
			t.Errorf("%s imports %s: %s may import only %v; see the diagram in ARCHITECTURE.md", importer, imported, top, allowed)
		}
	}
}

// TestHostKnowsNoContainers proves the promise that not one line of container
// logic runs on the compute host: none in vmmd, ch-qemu, or anything of ours
// that they link, and no library for it either.
func TestHostKnowsNoContainers(t *testing.T) {
	words := regexp.MustCompile(`(?i)\b(oci|containers?|containerd|docker|podman|registry|registries)\b|opencontainers`)
	for _, p := range list(t, "-deps", "./vmm/cmd/...") {
		if _, ours := folder(p.ImportPath); !ours {
			if !p.Standard && words.MatchString(p.ImportPath) {
				t.Errorf("the host links %s: nothing on the compute host may know containers", p.ImportPath)
			}
			continue
		}
		for _, name := range p.GoFiles {
			text, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if word := words.Find(text); word != nil {
				t.Errorf("%s/%s says %q: nothing on the compute host may know containers", p.ImportPath, name, word)
			}
		}
	}
}

// TestCardReadsNoHostPath keeps the paths that vmmd hands out opaque: the card
// copies them into a VM's configuration, in one file, and never opens one.
func TestCardReadsNoHostPath(t *testing.T) {
	paths := regexp.MustCompile(`\bVMPaths\b|\.Paths\b`)
	sources(t, func(path string, text []byte) {
		if !strings.HasPrefix(path, "cardplane/") || strings.HasSuffix(path, "_test.go") || path == "cardplane/sandbox/config.go" {
			return
		}
		if found := paths.Find(text); found != nil {
			t.Errorf("%s says %s: paths of the compute host are looked at in cardplane/sandbox/config.go alone", path, found)
		}
	})
}

// TestGuestAgentStaysSmall keeps big libraries out of the program that runs
// as PID 1 in every VM: its size and memory are every container's.
func TestGuestAgentStaysSmall(t *testing.T) {
	for _, p := range list(t, "./guest-agent/cmd/guest-agent") {
		for _, dep := range p.Deps {
			for _, banned := range []string{"kin-openapi", "go-containerregistry", "bbolt", "cobra", "go-erofs"} {
				if strings.Contains(dep, banned) {
					t.Errorf("guest-agent links %s: it must stay small, so find a way without it", dep)
				}
			}
		}
	}
}

func TestGoMod(t *testing.T) {
	text, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if regexp.MustCompile(`(?m)^\s*replace\b`).Match(text) {
		t.Error("go.mod has a replace directive: `go install` of our commands would ignore it; use a released version")
	}
}

// sources calls fn for every hand-written Go file.
func sources(t *testing.T, fn func(path string, text []byte)) {
	t.Helper()
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "build" || d.Name() == ".git") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, ".gen.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		fn(strings.TrimPrefix(filepath.ToSlash(path), "../../"), text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestGofmt(t *testing.T) {
	sources(t, func(path string, text []byte) {
		formatted, err := format.Source(text)
		if err != nil {
			t.Errorf("%s: %v", path, err)
		} else if !bytes.Equal(formatted, text) {
			t.Errorf("%s is not formatted: run gofmt -w %s", path, path)
		}
	})
}

// maxLines is the size beyond which a file is surely more than one idea.
const maxLines = 450

func TestFilesAreSmall(t *testing.T) {
	sources(t, func(path string, text []byte) {
		if lines := bytes.Count(text, []byte("\n")); lines > maxLines && !strings.HasSuffix(path, "_test.go") {
			t.Errorf("%s has %d lines, more than %d: split it by idea", path, lines, maxLines)
		}
	})
}

func TestOnePackageComment(t *testing.T) {
	comments := map[string][]string{}
	sources(t, func(path string, text []byte) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		dir := filepath.Dir(path)
		file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Error(err)
			return
		}
		if _, ok := comments[dir]; !ok {
			comments[dir] = nil
		}
		if file.Doc != nil {
			comments[dir] = append(comments[dir], path)
		}
	})
	for dir, files := range comments {
		generated, _ := filepath.Glob(filepath.Join("../..", dir, "*.gen.go"))
		if len(files) != 1 && len(generated) == 0 {
			t.Errorf("package %s has %d package comments %v: it needs exactly one", dir, len(files), files)
		}
	}
}

// TestNoTraceOfAMachine keeps paths and names of a developer's own machine
// out of the tree.
func TestNoTraceOfAMachine(t *testing.T) {
	private := regexp.MustCompile(`/(work|home)/[a-z]+/`)
	sources(t, func(path string, text []byte) {
		if found := private.Find(text); found != nil && !strings.HasPrefix(path, "ci/repo/") {
			t.Errorf("%s names %s, a path of one machine", path, found)
		}
	})
}
