package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/cardplane/cardplane/ci/harness"
	"github.com/cardplane/cardplane/rootfs/manifest"
	"github.com/cardplane/cardplane/vmm/chqemu"
)

// startRounds is how often each way to start is timed, in turn.
const startRounds = 7

// starts compares `cardctl run` to its first output byte, from a template as is
// the default, and booted, with a bare boot of the same kernel and root in
// QEMU, to a PID 1 that prints one line. s makes no templates.
func starts(ctx context.Context, s *harness.Stack) error {
	cfg := harness.DefaultConfig()
	cfg.Bin, cfg.Guest = s.Bin(), s.Guest()
	return withTemplate(ctx, cfg, func(ctx context.Context, templated *harness.Stack) error {
		return compareStarts(ctx, s, templated)
	})
}

// templateTimeout bounds the wait for a template, in an emulated host too.
const templateTimeout = 10 * time.Minute

// withTemplate is withStack with the template of the usual size, once that is
// there.
func withTemplate(ctx context.Context, cfg harness.Config, fn func(context.Context, *harness.Stack) error) error {
	cfg.CardArgs = append(cfg.CardArgs, "--templates", "1")
	return withStack(ctx, cfg, func(ctx context.Context, s *harness.Stack) error {
		waiting, cancel := context.WithTimeout(ctx, templateTimeout)
		defer cancel()
		if err := s.AwaitTemplates(waiting, 1); err != nil {
			return err
		}
		return fn(ctx, s)
	})
}

func compareStarts(ctx context.Context, s, templated *harness.Stack) error {
	var bare, slow, fast sample
	for range startRounds {
		b, err := bareBoot(ctx, s.Guest(), "bareinit", "CARDPLANE-BARE-INIT")
		if err != nil {
			return err
		}
		c, err := firstByte(probeOnce(ctx, s))
		if err != nil {
			return err
		}
		w, err := firstByte(probeOnce(ctx, templated))
		if err != nil {
			return err
		}
		bare, slow, fast = append(bare, b.after), append(slow, c), append(fast, w)
	}
	fmt.Printf("bare boot to PID 1's line    %v\n", bare)
	fmt.Printf("cardctl run to first byte\n")
	fmt.Printf("  from a template            %v\n", fast)
	fmt.Printf("    ratio to a bare boot     %v   (aim: at most 1.6)\n", paired(fast, bare))
	fmt.Printf("  booted, without one        %v\n", slow)
	fmt.Printf("    ratio to a bare boot     %v   (aim: at most 1.6)\n", paired(slow, bare))
	return nil
}

// probeOnce is a container that prints one line.
func probeOnce(ctx context.Context, s *harness.Stack) *exec.Cmd {
	return s.Cardctl(ctx, "run", "--rm", "demo/probe", "/probe", "count", "1")
}

// firstByte runs cmd to its end and returns when its first output byte came.
func firstByte(cmd *exec.Cmd) (time.Duration, error) {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	_, readErr := io.ReadFull(out, make([]byte, 1))
	after := time.Since(start)
	_, drainErr := io.Copy(io.Discard, out)
	if err := errors.Join(readErr, drainErr, cmd.Wait()); err != nil {
		return 0, fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, stderr.String())
	}
	return after, nil
}

// booted is what a bare boot showed.
type booted struct {
	after time.Duration // from the start of QEMU to the line
	line  string        // the rest of the line
}

// bareBoot boots the guest artefacts in plain QEMU with the program
// /sbin/<init> as PID 1 and waits for a console line that begins with want.
func bareBoot(ctx context.Context, dir, init, want string) (booted, error) {
	m, err := manifest.Read(dir)
	if err != nil {
		return booted{}, err
	}
	args := []string{
		"-M", "q35,smm=off,hpet=off,vmport=off,sata=off,smbus=off,usb=off", "-accel", "tcg,thread=multi", "-cpu", chqemu.CPU,
		"-nodefaults", "-no-user-config", "-display", "none", "-smp", "1", "-m", "256M", "-no-reboot", "-serial", "stdio",
		"-kernel", filepath.Join(dir, m.Kernel.File),
		"-append", strings.ReplaceAll(m.Cmdline, "init=/sbin/guest-agent", "init=/sbin/"+init),
		"-drive", "if=none,id=root,format=raw,readonly=on,file=" + filepath.Join(dir, m.Rootfs.File),
		"-device", "virtio-blk-pci,drive=root",
	}
	if m.Initrd != nil {
		args = append(args, "-initrd", filepath.Join(dir, m.Initrd.File))
	}
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return booted{}, err
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return booted{}, err
	}
	var console strings.Builder
	var found *booted
	for lines := bufio.NewScanner(out); lines.Scan(); {
		fmt.Fprintln(&console, lines.Text())
		if _, rest, ok := strings.Cut(lines.Text(), want); ok && found == nil {
			found = &booted{after: time.Since(start), line: strings.TrimSpace(rest)}
		}
	}
	if err := cmd.Wait(); err != nil {
		return booted{}, fmt.Errorf("bare boot of %s: %w\n%s", init, err, console.String())
	}
	if found == nil {
		return booted{}, fmt.Errorf("bare boot of %s: no line %q on the console\n%s", init, want, console.String())
	}
	return *found, nil
}
