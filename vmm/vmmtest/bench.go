package vmmtest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/chapi"
	"github.com/cardplane/cardplane/vmm"
	"github.com/cardplane/cardplane/vmm/vsock"
)

// guestPort is where command guest listens.
const guestPort = 1024

// shortDir is a temporary directory whose name leaves room for socket names,
// which a test's own directory may not.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "vmmtest")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// note keeps the details of an event for the case to look at.
func (b *bench) note(e vmm.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.details[e.Kind] = e.Properties
}

func (b *bench) detail(kind vmm.EventKind) map[string]string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.details[kind]
}

// expect waits for exactly these events. Those of devices and vhost-user
// back-ends are left out: they come from the guest's drivers, in any order.
func (b *bench) expect(want ...vmm.EventKind) {
	b.Helper()
	for i := 0; i < len(want); {
		select {
		case kind, ok := <-b.events:
			if !ok {
				b.Fatalf("the event stream ended before %q", want[i])
			}
			if strings.HasPrefix(string(kind), "virtio-device:") {
				continue
			}
			if kind != want[i] {
				b.Fatalf("event %q came, and not %q", kind, want[i])
			}
			i++
		case <-b.ctx.Done():
			b.Fatalf("no event %q; serial port:\n%s", want[i], b.serial())
		}
	}
}

// exit waits for the process to end with code 0 and no event more.
func (b *bench) exit(want int) {
	b.Helper()
	code, err := b.proc.Wait(b.ctx)
	if err != nil || code != want {
		b.Fatalf("the process ended with code %d (%v), want %d", code, err, want)
	}
	for kind := range b.events {
		if !strings.HasPrefix(string(kind), "virtio-device:") {
			b.Errorf("event %q came after the end", kind)
		}
	}
	if want == 0 {
		b.gone(b.socket)
	}
}

// gone checks that a file does not exist.
func (b *bench) gone(path string) {
	b.Helper()
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		b.Errorf("%s is left behind (%v)", path, err)
	}
}

func (b *bench) ok(err error) {
	b.Helper()
	if err != nil {
		b.Fatalf("%+v\nserial port:\n%s", err, b.serial())
	}
}

// fails checks an error's code and that its chain holds text.
func (b *bench) fails(err error, code, text string) {
	b.Helper()
	if !apierr.Is(err, code) {
		b.Fatalf("error %+v, want code %s", err, code)
	}
	if !slices.ContainsFunc(apierr.From(err).Evidence, func(s string) bool { return strings.Contains(s, text) }) {
		b.Fatalf("error %+v, want %q in its chain", err, text)
	}
}

func (b *bench) state(want chapi.VmState) chapi.VmInfo {
	b.Helper()
	info, err := b.vmm.Info(b.ctx)
	b.ok(err)
	if info.State != want {
		b.Fatalf("state %s, want %s", info.State, want)
	}
	return info
}

// tell gives the guest a command and returns its answer.
func (b *bench) tell(command string) string {
	b.Helper()
	conn, err := vsock.Dial(b.ctx, b.dialVsock, guestPort)
	b.ok(err)
	defer func() { _ = conn.Close() }()
	deadline, _ := b.ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	_, err = fmt.Fprintln(conn, command)
	b.ok(err)
	answer, err := bufio.NewReader(conn).ReadString('\n')
	b.ok(err)
	return strings.TrimSpace(answer)
}

// serial returns what the guest has written so far.
func (b *bench) serial() string {
	text, _ := os.ReadFile(b.dir + "/serial")
	return string(text)
}

// disk makes a sparse file.
func (b *bench) disk(name string) string {
	b.Helper()
	path := b.dir + "/" + name
	b.ok(os.WriteFile(path, nil, 0o600))
	b.ok(os.Truncate(path, 1<<20))
	return path
}

// diskOf is disk with a word on it.
func (b *bench) diskOf(name, word string) string {
	b.Helper()
	path := b.disk(name)
	b.ok(os.WriteFile(path, []byte(word), 0o600))
	b.ok(os.Truncate(path, 1<<20))
	return path
}

// mkdir makes a directory for a snapshot.
func (b *bench) mkdir(name string) string {
	b.Helper()
	path := b.dir + "/" + name
	b.ok(os.Mkdir(path, 0o700))
	return path
}

// number asks the guest for a number.
func (b *bench) number(command string) int64 {
	b.Helper()
	answer := b.tell(command)
	n, err := strconv.ParseInt(answer, 10, 64)
	if err != nil {
		b.Fatalf("the guest answers %q to %q", answer, command)
	}
	return n
}

// wants gives the guest a command and checks its answer.
func (b *bench) wants(command, answer string) {
	b.Helper()
	if got := b.tell(command); got != answer {
		b.Fatalf("the guest answers %q to %q, want %q", got, command, answer)
	}
}

func marshal(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}
