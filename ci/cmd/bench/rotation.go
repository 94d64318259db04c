package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/logs"
	"github.com/cardplane/cardplane/ci/harness"
)

const (
	// daySeconds and secondBytes are a day of a program that writes a page a
	// second.
	daySeconds, secondBytes = 24 * 60 * 60, 4 << 10
	// rotationLooks is how many seconds pass between looks at the disk.
	rotationLooks = 16
)

// logRotation writes a day's output to a journal with the limits that a
// container has, and prints the most that it took.
func logRotation(context.Context, *harness.Stack) (err error) {
	dir, err := os.MkdirTemp("", "bench-logs")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	limits := logs.Limits{FileBytes: cardplane.DefaultLogFileBytes, Files: cardplane.DefaultLogFiles}
	j, err := logs.Open(dir, limits)
	if err != nil {
		return err
	}
	peak, err := writeDay(j, dir)
	if err := errors.Join(err, j.Close()); err != nil {
		return err
	}
	const written = daySeconds * secondBytes
	fmt.Printf("log of a day                 %.1f MB written, %.1f MB on disk at most, bound %.1f MB\n",
		written/1e6, float64(peak)/1e6, float64(limits.FileBytes*int64(limits.Files))/1e6)
	return nil
}

// writeDay writes a day's output to the journal in dir and returns the most
// bytes that it has there.
func writeDay(j *logs.Journal, dir string) (peak int64, err error) {
	page := make([]byte, secondBytes)
	for second := range daySeconds {
		if err := j.Append(cardplane.Stdout, page, 0); err != nil {
			return peak, err
		}
		if second%rotationLooks != 0 {
			continue
		}
		size, err := logs.Size(dir)
		if err != nil {
			return peak, err
		}
		peak = max(peak, size)
	}
	return peak, nil
}
