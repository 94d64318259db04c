package debian

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"strings"
)

// ErrStop makes Walk end early without an error.
var ErrStop = errors.New("stop walking")

// Visit is called for each entry of a package. The name is absolute and clean;
// content is only valid during the call.
type Visit func(name string, header *tar.Header, content io.Reader) error

// Walk goes through the files of a .deb in archive order.
func Walk(ctx context.Context, debPath string, visit Visit) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// dpkg-deb unpacks xz several times faster than a Go reader does, and is on
	// every machine that has apt.
	cmd := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", debPath)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("read %s: %w", debPath, err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("read %s: %w", debPath, err)
	}
	walkErr := walkTar(out, visit)
	if walkErr != nil {
		// The rest is not wanted. dpkg-deb has children, which only learn of it
		// by their pipe.
		out.Close()
		cancel()
	}
	waitErr := cmd.Wait()
	switch {
	case errors.Is(walkErr, ErrStop):
		return nil
	case walkErr != nil:
		return fmt.Errorf("read %s: %w: %s", debPath, walkErr, stderr.Bytes())
	case waitErr != nil:
		return fmt.Errorf("read %s: %w: %s", debPath, waitErr, stderr.Bytes())
	}
	return nil
}

func walkTar(r io.Reader, visit Visit) error {
	tr := tar.NewReader(r)
	for {
		header, err := tr.Next()
		if err == io.EOF {
			// dpkg-deb pads its output and would otherwise die of a broken pipe.
			_, err := io.Copy(io.Discard, r)
			return err
		}
		if err != nil {
			return err
		}
		name := path.Clean("/" + strings.TrimPrefix(header.Name, "./"))
		if err := visit(name, header, tr); err != nil {
			return err
		}
	}
}
