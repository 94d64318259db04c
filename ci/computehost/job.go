package computehost

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
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

// Put copies files of this machine, by their name there, into a directory of
// the host.
func (c Client) Put(ctx context.Context, dir string, files map[string]string) error {
	var said strings.Builder
	status, err := c.send(ctx, fmt.Sprintf("mkdir -p %[1]s && tar x -C %[1]s", quote(dir)), files, &said)
	if err == nil && status != 0 {
		err = fmt.Errorf("copy into the compute host: %s", said.String())
	}
	return err
}

// RunJob runs j and returns its exit status. output gets both of its output
// streams.
func (c Client) RunJob(ctx context.Context, j Job, output io.Writer) (int, error) {
	files := maps.Clone(j.Files)
	if files == nil {
		files = map[string]string{}
	}
	files[jobProgram] = j.Program
	return c.send(ctx, j.script(), files, output)
}

// send runs script with an archive of files as its input.
func (c Client) send(ctx context.Context, script string, files map[string]string, output io.Writer) (int, error) {
	r, w := io.Pipe()
	sent := make(chan error, 1)
	go func() {
		err := archive(w, files)
		_ = w.CloseWithError(err)
		sent <- err
	}()
	status, err := c.Run(ctx, script, r, output)
	_ = r.CloseWithError(err)
	sendErr := <-sent
	if err == nil {
		return status, nil // a script that has not read its input has said why
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

// archive writes files as a tar.
func archive(w io.Writer, files map[string]string) error {
	t := tar.NewWriter(w)
	for name, file := range files {
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
