package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/cardplane/cardplane/ci/computehost"
	"github.com/cardplane/cardplane/ci/harness"
	"github.com/cardplane/cardplane/rootfs/manifest"
	"github.com/cardplane/cardplane/vmm/link/linktest"
)

// hostRounds is how often a start in the emulated host is timed.
const hostRounds = 5

// emulatedHost measures the real Cloud Hypervisor in the emulated compute
// host, with the card outside.
func emulatedHost(ctx context.Context, local *harness.Stack) (err error) {
	if _, err := computehost.CloudHypervisor(); err != nil {
		fmt.Println("emulated compute host        SKIPPED:", err)
		return nil
	}
	build := exec.CommandContext(ctx, filepath.Join(local.Bin(), "computehost"), "build")
	build.Dir = harness.Root()
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the compute host's image: %w: %s", err, out)
	}
	accel := computehost.ChooseAccel()
	h, err := computehost.Boot(ctx, computehost.Config{
		Image: filepath.Join(harness.Root(), "build", "host"), Accel: accel, QEMU: accel.QEMU(harness.Root()),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close(context.WithoutCancel(ctx))) }()
	var version bytes.Buffer
	if _, err := h.Run(ctx, "cloud-hypervisor --version | head -1", nil, &version); err != nil {
		return err
	}
	fmt.Printf("emulated compute host        %s, %s\n", strings.TrimSpace(version.String()), accel.Reason)
	cfg := harness.Config{Bin: local.Bin(), Guest: local.Guest(), ComputeHost: h.Dir, Relay: true}
	return withTemplate(ctx, cfg, func(ctx context.Context, s *harness.Stack) error { return measureHost(ctx, h, s) })
}

func measureHost(ctx context.Context, h *computehost.Host, s *harness.Stack) error {
	if err := linkBytes(ctx, s); err != nil {
		return err
	}
	bare, err := prepareBareHost(ctx, h, s.Guest())
	if err != nil {
		return err
	}
	var cold, boots sample
	for range hostRounds {
		b, err := lineAfter(ctx, h, bare, "CARDPLANE-BARE-INIT")
		if err != nil {
			return err
		}
		c, err := firstByte(s.Cardctl(ctx, "run", "--rm", "demo/probe", "/probe", "count", "1"))
		if err != nil {
			return err
		}
		boots, cold = append(boots, b), append(cold, c)
	}
	fmt.Printf("  bare boot to PID 1's line  %v\n", boots)
	fmt.Printf("  cardctl run from a template to first byte  %v\n", cold)
	fmt.Printf("    ratio                    %.2f   (aim: at most 1.5)\n", ratio(cold, boots))
	return hostMemory(ctx, s)
}

// linkBytes counts what the first and the second start of an image send.
func linkBytes(ctx context.Context, s *harness.Stack) error {
	for _, which := range []string{"first", "second"} {
		there, back := s.Wire.Bytes(linktest.ToHost), s.Wire.Bytes(linktest.ToCard)
		if _, err := firstByte(s.Cardctl(ctx, "run", "--rm", "demo/probe", "/probe", "count", "1")); err != nil {
			return err
		}
		there, back = s.Wire.Bytes(linktest.ToHost)-there, s.Wire.Bytes(linktest.ToCard)-back
		fmt.Printf("  bytes of the %-6s start   %d to the host, %d back\n", which, there, back)
	}
	return nil
}

// prepareBareHost copies the guest into the host and returns the command that
// boots it with nothing around.
func prepareBareHost(ctx context.Context, h *computehost.Host, guest string) (string, error) {
	m, err := manifest.Read(guest)
	if err != nil {
		return "", err
	}
	files := map[string]string{m.Kernel.File: filepath.Join(guest, m.Kernel.File), m.Rootfs.File: filepath.Join(guest, m.Rootfs.File)}
	initramfs := ""
	if m.Initrd != nil {
		files[m.Initrd.File] = filepath.Join(guest, m.Initrd.File)
		initramfs = " --initramfs /tmp/bare/" + m.Initrd.File
	}
	if err := h.Put(ctx, "/tmp/bare", files); err != nil {
		return "", err
	}
	cmdline := strings.ReplaceAll(m.Cmdline, "init=/sbin/guest-agent", "init=/sbin/bareinit")
	return "exec cloud-hypervisor --kernel /tmp/bare/" + m.Kernel.File + initramfs +
		" --disk path=/tmp/bare/" + m.Rootfs.File + ",readonly=on,image_type=raw --cpus boot=1,nested=off,core_scheduling=off" +
		" --memory size=256M --console off --serial tty --cmdline '" + cmdline + "'", nil
}

// lineAfter runs a command in the host to its end and returns when a line with
// want came.
func lineAfter(ctx context.Context, h *computehost.Host, command, want string) (time.Duration, error) {
	w := &watchFor{want: []byte(want), start: time.Now()}
	status, err := h.Run(ctx, command, nil, w)
	if err == nil && (status != 0 || w.after == 0) {
		err = fmt.Errorf("bare boot in the compute host: exit status %d, no line %q in\n%s", status, want, w.all.String())
	}
	return w.after, err
}

// watchFor notes when want was first written to it.
type watchFor struct {
	want  []byte
	start time.Time
	all   bytes.Buffer
	after time.Duration
}

// Write implements io.Writer.
func (w *watchFor) Write(p []byte) (int, error) {
	w.all.Write(p)
	if w.after == 0 && bytes.Contains(w.all.Bytes(), w.want) {
		w.after = time.Since(w.start)
	}
	return len(p), nil
}

var _ io.Writer = (*watchFor)(nil)

// hostMemory tells what an idle VM takes of the host.
func hostMemory(ctx context.Context, s *harness.Stack) error {
	const name = "idle"
	if out, err := s.Cardctl(ctx, "run", "-d", "--name", name, "demo/probe", "/probe", "forever").CombinedOutput(); err != nil {
		return fmt.Errorf("run: %w: %s", err, out)
	}
	out, err := s.OnHost(fmt.Sprintf("for p in %d $(pidof cloud-hypervisor); do cat /proc/$p/status; done | grep -E '^(Name|VmRSS|RssAnon|RssFile|RssShmem)'", s.HostPID()))
	if err != nil {
		return err
	}
	fmt.Printf("  resident (vmmd, one VMM)   %s\n", strings.Join(strings.Fields(out), " "))
	if out, err := s.Cardctl(ctx, "rm", "-f", name).CombinedOutput(); err != nil {
		return fmt.Errorf("rm: %w: %s", err, out)
	}
	return nil
}
