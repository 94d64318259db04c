package suite

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/httpclient"
)

// A client that reads logs and events over the API, and is cut off again and
// again by a control plane that is killed, goes on at the offsets and numbers
// that it has and gets every byte and every event once.
func TestResumeAtOffsets(t *testing.T) {
	t.Parallel()
	const lines = 400
	s, name := started(t, lines, "10ms")
	client, err := httpclient.New(s.Endpoint())
	must(t, err)
	defer func() { _ = client.Close() }()
	var got strings.Builder
	var offset, number int64
	for cut := 0; ; cut++ {
		end := readSome(t, client, name, &offset, &got, 50<<cut)
		number = countEvents(t, client, number)
		if end {
			break
		}
		must(t, s.KillCard())
		must(t, s.StartCard(t.Context()))
	}
	if got.String() != numbers(lines) {
		t.Errorf("%d bytes that end in %q; want 1 to %d, each once", got.Len(), tail(got.String()), lines)
	}
}

// readSome reads at least n bytes of a log from offset on. It reports whether
// that was all.
func readSome(t *testing.T, client *httpclient.Client, name string, offset *int64, into *strings.Builder, n int) bool {
	t.Helper()
	ctx := patient(t)
	r, err := client.Containers().Logs(ctx, name, cardplane.LogOptions{Follow: true, Stdout: true, Tail: -1, StdoutOffset: *offset})
	must(t, err)
	defer func() { _ = r.Close() }()
	for begun := into.Len(); into.Len() < begun+n; {
		rec, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			return true
		}
		must(t, err)
		if rec.Offset != *offset || rec.Lost > 0 {
			t.Fatalf("a record at %d after %d bytes, %d lost", rec.Offset, *offset, rec.Lost)
		}
		into.Write(rec.Data)
		*offset += int64(len(rec.Data))
	}
	return false
}

// countEvents reads the events after number and checks that none is missing.
func countEvents(t *testing.T, client *httpclient.Client, number int64) int64 {
	t.Helper()
	ctx := patient(t)
	r, err := client.Events().Events(ctx, cardplane.EventOptions{Since: number})
	must(t, err)
	defer func() { _ = r.Close() }()
	for {
		e, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			return number
		}
		must(t, err)
		if e.Sequence != number+1 {
			t.Fatalf("event %d comes after %d", e.Sequence, number)
		}
		number = e.Sequence
	}
}
