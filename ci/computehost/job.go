package computehost

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
)

// Job is a program of this machine that runs in the host, in a directory of
// its own that is removed afterwards.
type Job struct {
	// Program is the path of a static executable.
	Program string
	Args    []string
	// Env are further variables, as NAME=value.
	Env []string
	// Files are copied beside the program: paths of this machine, by their
	// name in the directory, in which directories count as made.
	Files map[string]string
}

const jobProgram = "program"

// RunJob runs j and returns its exit status. output gets both of its output
// streams.
func (c Client) RunJob(ctx context.Context, j Job, output io.Writer) (int, error) {
	r, w := io.Pipe()
	sent := make(chan error, 1)
	go func() {
		err := j.archive(w)
		_ = w.CloseWithError(err)
		sent <- err
	}()
	status, err := c.Run(ctx, j.script(), r, output)
	_ = r.CloseWithError(err)
	sendErr := <-sent
	if err == nil {
		// A job that ends without having read its files has said why.
		return status, nil
	}
	return status, errors.Join(err, sendErr)
}

func (j Job) script() string {
	var b strings.Builder
	b.WriteString("d=$(mktemp -d /tmp/job.XXXXXX) && trap 'rm -rf $d' EXIT && cd $d && tar x && mkdir tmp && ")
	fmt.Fprintf(&b, "env TMPDIR=$d/tmp")
	for _, word := range append(append([]string{}, j.Env...), append([]string{"./" + jobProgram}, j.Args...)...) {
		b.WriteString(" " + quote(word))
	}
	b.WriteString(" </dev/null")
	return b.String()
}

// quote makes a word of the shell's out of s.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// archive writes the program and the files as a tar.
func (j Job) archive(w io.Writer) error {
	t := tar.NewWriter(w)
	if err := addFile(t, jobProgram, j.Program); err != nil {
		return err
	}
	for name, file := range j.Files {
		if dir := path.Dir(name); dir != "." {
			if err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755}); err != nil {
				return err
			}
		}
		if err := addFile(t, name, file); err != nil {
			return err
		}
	}
	return t.Close()
}

func addFile(t *tar.Writer, name, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := t.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: info.Size()}); err != nil {
		return err
	}
	_, err = io.Copy(t, f)
	return err
}
