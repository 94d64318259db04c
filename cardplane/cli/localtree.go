package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/tartree"
)

// localSource is a file or directory of this machine that is sent.
type localSource struct {
	root        *os.File
	source      *tartree.Source
	name        string
	isDirectory bool
	opts        tartree.WriteOptions
}

func openLocal(name string, f cpFlags) (*localSource, error) {
	full, err := filepath.Abs(name)
	if err == nil && f.follow {
		full, err = filepath.EvalSymlinks(full)
	}
	if err != nil {
		return nil, err
	}
	if isInside(name) {
		full += "/."
	}
	root, err := os.Open("/")
	if err != nil {
		return nil, err
	}
	source, err := tartree.Open(root, full)
	if err != nil {
		_ = root.Close()
		return nil, err
	}
	l := &localSource{root: root, source: source, name: source.Name(), opts: tartree.WriteOptions{RootOwned: !f.archive}}
	stat, err := source.Stat()
	if err != nil {
		l.close()
		return nil, err
	}
	l.isDirectory = stat.Type == tartree.Directory
	return l, nil
}

func (l *localSource) write(w io.Writer, as string) error { return l.source.Write(w, as, l.opts) }

func (l *localSource) close() {
	_ = l.source.Close()
	_ = l.root.Close()
}

// localPlace is where a copy goes on this machine. What a container sends is
// never written elsewhere, whatever it is.
type localPlace struct {
	dir  *os.File
	opts tartree.ExtractOptions
}

// openPlace finds where target is to go: a file, or a directory, which is made.
// Inside says that only what is in the source's directory is copied.
func (a *App) openPlace(target, base string, directory, inside bool, f cpFlags) (*localPlace, error) {
	stat, err := os.Stat(target)
	exists := err == nil && stat.IsDir()
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	case err == nil && !exists && directory:
		return nil, fmt.Errorf("%s is no directory, and the source is one", target)
	case err != nil && !directory && strings.HasSuffix(target, "/"):
		return nil, fmt.Errorf("there is no directory %s", target)
	case exists && !inside:
		target = filepath.Join(target, base)
	}
	p := &localPlace{opts: tartree.ExtractOptions{Owners: f.archive, Top: !inside, LeftOut: a.leftOut}}
	if directory {
		if err := os.Mkdir(target, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		p.dir, err = os.Open(target)
		return p, err
	}
	name := filepath.Base(target)
	p.opts.Rename = func(sent string) (string, error) {
		if sent != base {
			return "", apierr.New(apierr.InvalidArgument, "path_escapes", "the container sent %q instead of %q; nothing of it is written", sent, base)
		}
		return name, nil
	}
	p.dir, err = os.Open(filepath.Dir(target))
	return p, err
}

func (a *App) leftOut(name, why string) {
	_, _ = fmt.Fprintf(a.Err, "cardctl: %q is not copied: %s\n", name, why)
}

func (p *localPlace) extract(archive io.Reader) error {
	return tartree.Extract(archive, p.dir, p.opts)
}

func (p *localPlace) close() { _ = p.dir.Close() }
