package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/cardplane/cardplane/cardplane"
)

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 1, "512m": 512 << 20, "1g": 1 << 30, "1G": 1 << 30, "64MiB": 64 << 20, "2kb": 2048, "1.5g": 3 << 29, "1t": 1 << 40, " 7b ": 7,
		"": 0, "m": 0, "-1": 0, "0": 0, "1x": 0, "nan": 0, "inf": 0, "1e30": 0, "1mm": 0,
	} {
		got, err := parseSize(text)
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("%q is %d, %v; want %d", text, got, err, want)
		}
	}
}

func TestParseCPUs(t *testing.T) {
	for text, want := range map[string]int{"1": 1, "2.0": 2, "1.5": 0, "0": 0, "-1": 0, "x": 0, "1e99": 0} {
		got, err := parseCPUs(text)
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("%q is %d, %v", text, got, err)
		}
	}
}

func TestParseSince(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"10m":                  now.Add(-10 * time.Minute),
		"2026-01-01T00:00:00Z": time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		"2026-01-01":           time.Date(2026, 1, 1, 0, 0, 0, 0, time.Local),
		"1700000000.5":         time.Unix(1700000000, 5e8),
	} {
		if got, err := parseSince(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "yesterday", "1e99"} {
		if got, err := parseSince(text, now); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

// failing is a control plane that tells the session of a failed start before it
// answers the start, and then removes the container.
type failing struct {
	cardplane.ContainerService
	err     error
	removed bool
}

// toldFirst is the session.
type toldFirst struct {
	cardplane.Session
	err error
}

func (s toldFirst) Recv(context.Context) (cardplane.Output, error) { return cardplane.Output{}, s.err }

func (s toldFirst) Close() error { return nil }

func (f *failing) Attach(context.Context, string, cardplane.AttachOptions) (cardplane.Session, error) {
	return toldFirst{err: f.err}, nil
}

func (f *failing) Start(ctx context.Context, _ string) (cardplane.Container, error) {
	<-ctx.Done()
	return cardplane.Container{}, ctx.Err()
}

func (f *failing) Get(context.Context, string) (cardplane.Container, error) {
	return cardplane.Container{State: cardplane.Failed}, nil
}

func (f *failing) Wait(context.Context, string, cardplane.WaitCondition) (cardplane.Container, error) {
	f.removed = true
	return cardplane.Container{}, nil
}

// A run with --rm whose start fails ends when the container is gone, whoever
// tells of the failure first.
func TestFailedStartSettles(t *testing.T) {
	f := &failing{err: errors.New("no machine")}
	s := &starting{app: &App{}, containers: f, container: cardplane.Container{ID: "c"}, first: true}
	if _, err := s.run(t.Context()); !errors.Is(err, f.err) || !f.removed {
		t.Errorf("%v, and the removal was awaited: %v", err, f.removed)
	}
}

func TestHuman(t *testing.T) {
	for bytes, want := range map[int64]string{0: "0B", 999: "999B", 4096: "4.1kB", 123456789: "123MB", 5e12: "5TB"} {
		if got := humanSize(bytes); got != want {
			t.Errorf("%d is %q", bytes, got)
		}
	}
	for d, want := range map[time.Duration]string{
		-time.Second: "less than a second", 0: "less than a second", time.Second: "1 second", 59 * time.Second: "59 seconds",
		61 * time.Second: "1 minute", 119 * time.Minute: "119 minutes", 2 * time.Hour: "2 hours", 47 * time.Hour: "47 hours",
		48 * time.Hour: "2 days", 20 * 24 * time.Hour: "2 weeks", 100 * 24 * time.Hour: "3 months", 1000 * 24 * time.Hour: "2 years",
	} {
		if got := humanDuration(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

func TestParseDetachKeys(t *testing.T) {
	for text, want := range map[string]string{
		"ctrl-p,ctrl-q": "\x10\x11", "a": "a", "CTRL-A,d": "\x01d", "ctrl-@": "\x00", "ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_": "\x1b\x1c\x1d\x1e\x1f", "": "",
	} {
		if got, err := parseDetachKeys(text); err != nil || string(got) != want {
			t.Errorf("%q is %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"ctrl-", "ctrl-1", "ab", "a,", "ctrl-pq"} {
		if got, err := parseDetachKeys(text); err == nil {
			t.Errorf("%q is %q", text, got)
		}
	}
}

func TestDetachReader(t *testing.T) {
	for _, tc := range []struct {
		keys, in, out string
		detached      bool
	}{
		{"pq", "abc", "abc", false},
		{"pq", "apqb", "a", true},
		{"pq", "appq", "ap", true},
		{"pq", "p", "p", false},
		{"pq", "pxq", "pxq", false},
		{"aab", "aaab", "a", true},
		{"abac", "ababac", "ab", true},
		{"x", "yx", "y", true},
		{"", "pq", "pq", false},
	} {
		for name, source := range map[string]io.Reader{
			"at once": strings.NewReader(tc.in), "key by key": iotest.OneByteReader(strings.NewReader(tc.in)),
			"end with data": iotest.DataErrReader(strings.NewReader(tc.in)),
		} {
			got, err := io.ReadAll(&detachReader{source: source, keys: []byte(tc.keys)})
			if string(got) != tc.out || errors.Is(err, errDetached) != tc.detached {
				t.Errorf("%q in %q, %s: %q, %v", tc.keys, tc.in, name, got, err)
			}
		}
	}
}

// Whatever is typed arrives, up to the first place where the keys stand.
func FuzzDetachReader(f *testing.F) {
	f.Add([]byte("\x10\x11"), []byte("ls\x10\x10\x11rest"))
	f.Add([]byte("aba"), []byte("abbaababa"))
	f.Fuzz(func(t *testing.T, keys, in []byte) {
		want, _, found := bytes.Cut(in, keys)
		if len(keys) == 0 {
			want, found = in, false
		}
		got, err := io.ReadAll(&detachReader{source: iotest.HalfReader(bytes.NewReader(in)), keys: keys})
		if !bytes.Equal(got, want) || errors.Is(err, errDetached) != found {
			t.Fatalf("keys %q in %q: got %q, %v; want %q, %v", keys, in, got, err, want, found)
		}
	})
}

func TestLogPrinter(t *testing.T) {
	var out, errs bytes.Buffer
	p := newLogPrinter(&App{Out: &out, Err: &errs}, true)
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	for i, data := range []string{"one\ntw", "o\n", "\n", "end"} {
		if err := p.print(cardplane.LogRecord{Stream: cardplane.Stdout, Time: at.Add(time.Duration(i) * time.Second), Data: []byte(data)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.print(cardplane.LogRecord{Stream: cardplane.Stderr, Time: at, Data: []byte("x\n"), Lost: 5}); err != nil {
		t.Fatal(err)
	}
	want := "2026-01-02T03:04:05.000000006Z one\n2026-01-02T03:04:05.000000006Z two\n2026-01-02T03:04:07.000000006Z \n2026-01-02T03:04:08.000000006Z end"
	if out.String() != want {
		t.Errorf("%q", out.String())
	}
	if errs.String() != "cardctl: 5 bytes of stderr were dropped here\n2026-01-02T03:04:05.000000006Z x\n" {
		t.Errorf("%q", errs.String())
	}
}

// A record that overlaps what was had is cut; one that was had is dropped.
func TestFollowerSkips(t *testing.T) {
	var got strings.Builder
	f := &logFollower{seen: map[cardplane.Stream]int64{cardplane.Stdout: 5}, write: func(r cardplane.LogRecord) error {
		got.Write(r.Data)
		return nil
	}}
	for _, r := range []cardplane.LogRecord{{Offset: 0, Data: []byte("01234")}, {Offset: 3, Data: []byte("3456")}, {Offset: 7, Data: []byte("789")}} {
		r.Stream = cardplane.Stdout
		if err := f.take(r); err != nil {
			t.Fatal(err)
		}
	}
	if got.String() != "56789" {
		t.Errorf("%q", got.String())
	}
}

func TestSplitName(t *testing.T) {
	for name, want := range map[string][2]string{
		"docker.io/library/redis:7": {"redis", "7"}, "docker.io/a/b:c": {"a/b", "c"}, "localhost:5000/x:v1": {"localhost:5000/x", "v1"}, "localhost:5000/x": {"localhost:5000/x", "<none>"},
		"<none>:<none>": {"<none>", "<none>"},
	} {
		if repository, tag := splitName(name); [2]string{repository, tag} != want {
			t.Errorf("%s is %s, %s", name, repository, tag)
		}
	}
}
