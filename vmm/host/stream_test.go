package host_test

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cardplane/cardplane/openapi/hostapi"
)

func TestConsole(t *testing.T) {
	b := newBed(t)
	vm := b.start("a")
	console, err := os.OpenFile(vm.Paths.Console, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = console.Close() }()
	_, _ = console.WriteString("one\ntwo\n")
	if got, err := b.link.ConsoleTail(b.ctx, "a", 4); err != nil || string(got) != "two\n" {
		t.Fatalf("tail %q, %v", got, err)
	}
	follow, err := b.link.FollowConsole(b.ctx, "a", 4)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = follow.Close() }()
	first := make([]byte, 4)
	if _, err := io.ReadFull(follow, first); err != nil || string(first) != "two\n" {
		t.Fatalf("follow %q, %v", first, err)
	}
	_, _ = console.WriteString("three\n")
	b.tell("a", "exit", "code", "0")
	if rest, err := io.ReadAll(follow); err != nil || string(rest) != "three\n" {
		t.Fatalf("follow to the end %q, %v", rest, err)
	}
}

func TestLogTail(t *testing.T) {
	b := newBed(t)
	b.start("a")
	b.tell("a", "say", "text", "hello")
	if got, err := b.link.LogTail(b.ctx, "a", 100); err != nil || string(got) != "hello\n" {
		t.Fatalf("log %q, %v", got, err)
	}
	_, err := b.link.LogTail(b.ctx, "a", -1)
	wantCode(t, err, "invalid_parameter")
	_, err = b.link.LogTail(b.ctx, "nope", 1)
	wantCode(t, err, "vm_not_found")
}

// Events come as they happen, also over a restart of the server, each once,
// and end with the VMM.
func TestEvents(t *testing.T) {
	b := newBed(t)
	b.start("a")
	b.tell("a", "emit", "event", "one")
	seen := make(chan string, 10)
	result := make(chan error, 1)
	go func() {
		result <- b.link.Events(b.ctx, "a", 0, func(e hostapi.VMEvent) error {
			seen <- e.Source + ":" + e.Event
			return nil
		})
	}()
	want := func(event string) {
		t.Helper()
		if got := <-seen; got != event {
			t.Fatalf("event %q, want %q", got, event)
		}
	}
	want("vm:one")
	b.tell("a", "emit", "event", "two")
	want("vm:two")
	b.host.Stop()
	b.host.Start()
	b.tell("a", "emit", "event", "three")
	want("vm:three")
	b.tell("a", "exit", "code", "0")
	if err := <-result; err != nil || len(seen) != 0 {
		t.Fatalf("end: %v, %d more events", err, len(seen))
	}
	stop := errors.New("enough")
	var all []string
	err := b.link.Events(b.ctx, "a", 0, func(e hostapi.VMEvent) error {
		if all = append(all, e.Event); len(all) == 2 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || strings.Join(all, " ") != "one two" {
		t.Fatalf("%v, %v", all, err)
	}
}

// A follower that goes away must not keep the server.
func TestFollowerGoesAway(t *testing.T) {
	b := newBed(t)
	b.start("a")
	ctx, cancel := context.WithCancel(b.ctx)
	follow, err := b.link.FollowConsole(ctx, "a", 0)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := io.ReadAll(follow); err == nil {
		t.Fatal("no error")
	}
	_ = follow.Close()
}

// A guest that fills its console must not fill the host, also while the
// daemon was away; and the newest bytes and all offsets stay.
func TestConsoleIsTrimmed(t *testing.T) {
	b := newBed(t)
	vm := b.start("a")
	block := strings.Repeat("x", 1<<20-1) + "\n"
	fill := func(blocks int) {
		f, err := os.OpenFile(vm.Paths.Console, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		for range blocks {
			if _, err := f.WriteString(block); err != nil {
				t.Fatal(err)
			}
		}
	}
	awaitTrimmed := func() {
		for {
			h, err := b.link.Host(b.ctx)
			if err != nil {
				t.Fatal(err)
			}
			if h.RunDir.UsedBytes < 3<<20 {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	fill(25)
	awaitTrimmed()
	b.host.Stop()
	fill(25)
	b.host.Start()
	awaitTrimmed()
	got, err := b.link.ConsoleTail(b.ctx, "a", 1<<20)
	if err != nil || string(got) != block {
		t.Fatalf("the newest bytes are gone: %d, %v", len(got), err)
	}
	if info, err := os.Stat(vm.Paths.Console); err != nil || info.Size() != 50<<20 {
		t.Fatalf("the offsets have changed: %v, %v", info.Size(), err)
	}
}
