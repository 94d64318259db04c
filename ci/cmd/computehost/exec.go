package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/cardplane/cardplane/ci/computehost"
)

// runJob is the command exec.
func runJob(ctx context.Context, args []string) error {
	job := computehost.Job{Files: map[string]string{}}
	flags := flag.NewFlagSet("computehost exec", flag.ContinueOnError)
	flags.Func("env", "variable of the program, as `NAME=VALUE`; repeatable", func(s string) error {
		if !strings.Contains(s, "=") {
			return errors.New("it is not NAME=VALUE")
		}
		job.Env = append(job.Env, s)
		return nil
	})
	flags.Func("file", "file to put beside the program, as `NAME=PATH`; repeatable", func(s string) error {
		name, file, ok := strings.Cut(s, "=")
		if !ok || name == "" || file == "" {
			return errors.New("it is not NAME=PATH")
		}
		job.Files[name] = file
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() < 2 {
		return fmt.Errorf("name the host's directory and a program: computehost exec DIR PROGRAM ARGUMENT…")
	}
	job.Program, job.Args = flags.Arg(1), flags.Args()[2:]
	status, err := computehost.Client{Dir: flags.Arg(0)}.RunJob(ctx, job, os.Stdout)
	if err == nil && status != 0 {
		err = exitStatus(status)
	}
	return err
}
