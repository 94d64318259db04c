package guestwire_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestwire"
)

func TestRequestLine(t *testing.T) {
	want := guestwire.StreamRequest{Epoch: 3, Container: "c", Exec: "e", Stream: guestwire.Stdout, Offset: 1 << 40}
	var buf bytes.Buffer
	if err := guestwire.WriteLine(&buf, want); err != nil {
		t.Fatal(err)
	}
	buf.WriteString("rest")
	r := bufio.NewReader(&buf)
	got, err := guestwire.ReadRequest(r)
	if err != nil || got != want {
		t.Fatalf("got %+v, %v", got, err)
	}
	if rest, _ := io.ReadAll(r); string(rest) != "rest" {
		t.Fatalf("bytes after the line: %q", rest)
	}
}

func TestBadLines(t *testing.T) {
	for name, tc := range map[string]struct {
		in   string
		want error
	}{
		"empty":    {"", io.EOF},
		"cut":      {`{"epoch":1`, io.ErrUnexpectedEOF},
		"too long": {strings.Repeat(" ", guestwire.MaxRequestLine) + "{}\n", guestwire.ErrLineTooLong},
		"endless":  {strings.Repeat("x", 1<<20), guestwire.ErrLineTooLong},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := guestwire.ReadRequest(bufio.NewReader(strings.NewReader(tc.in))); !errors.Is(err, tc.want) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
		})
	}
	if _, err := guestwire.ReadRequest(bufio.NewReader(strings.NewReader("nonsense\n"))); err == nil {
		t.Fatal("nonsense was taken")
	}
}

func TestReplyCarriesProblem(t *testing.T) {
	problem := apierr.ToProblem(apierr.New(apierr.NotFound, "container_not_found", "no container %q", "c"))
	var buf bytes.Buffer
	if err := guestwire.WriteLine(&buf, guestwire.StreamReply{Problem: &problem}); err != nil {
		t.Fatal(err)
	}
	if _, err := guestwire.ReadReply(bufio.NewReader(&buf)); !apierr.Is(err, "container_not_found") {
		t.Fatalf("got %v", err)
	}
}

func TestFrames(t *testing.T) {
	payload := bytes.Repeat([]byte("0123456789"), 20_000)
	var buf bytes.Buffer
	if n, err := guestwire.WriteData(&buf, payload); n != len(payload) || err != nil {
		t.Fatal(n, err)
	}
	buf.Write(guestwire.LostFrame(77))
	if err := guestwire.WriteEnd(&buf); err != nil {
		t.Fatal(err)
	}
	frames := guestwire.NewFrameReader(&buf)
	var got []byte
	var lost int64
	for {
		f, err := frames.Next()
		if err != nil {
			t.Fatal(err)
		}
		if f.Kind == guestwire.End {
			break
		}
		got = append(got, f.Data...)
		lost += f.Lost
		frames.Release()
	}
	if !bytes.Equal(got, payload) || lost != 77 {
		t.Fatalf("%d bytes, %d lost", len(got), lost)
	}
	if _, err := frames.Next(); !errors.Is(err, io.EOF) {
		t.Fatalf("after the end: %v", err)
	}
}

func TestBadFrames(t *testing.T) {
	for name, tc := range map[string]struct {
		in   string
		want error
	}{
		"kind":         {"\x09\x00\x00\x00\x00\x00\x00\x01x", guestwire.ErrBadFrame},
		"reserved":     {"\x01\x01\x00\x00\x00\x00\x00\x01x", guestwire.ErrBadFrame},
		"empty data":   {"\x01\x00\x00\x00\x00\x00\x00\x00", guestwire.ErrBadFrame},
		"huge":         {"\x01\x00\x00\x00\xff\xff\xff\xff", guestwire.ErrBadFrame},
		"fat end":      {"\x03\x00\x00\x00\x00\x00\x00\x01x", guestwire.ErrBadFrame},
		"short lost":   {"\x02\x00\x00\x00\x00\x00\x00\x04abcd", guestwire.ErrBadFrame},
		"minus lost":   {"\x02\x00\x00\x00\x00\x00\x00\x08\xff\xff\xff\xff\xff\xff\xff\xff", guestwire.ErrBadFrame},
		"cut header":   {"\x01\x00", io.ErrUnexpectedEOF},
		"cut data":     {"\x01\x00\x00\x00\x00\x00\x00\x02x", io.ErrUnexpectedEOF},
		"missing data": {"\x01\x00\x00\x00\x00\x00\x00\x02", io.ErrUnexpectedEOF},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := guestwire.NewFrameReader(strings.NewReader(tc.in)).Next(); !errors.Is(err, tc.want) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
		})
	}
}

func TestAcks(t *testing.T) {
	var buf bytes.Buffer
	if err := guestwire.WriteAck(&buf, 1<<50); err != nil {
		t.Fatal(err)
	}
	if got, err := guestwire.ReadAck(&buf); got != 1<<50 || err != nil {
		t.Fatal(got, err)
	}
	if _, err := guestwire.ReadAck(strings.NewReader("\xff\xff\xff\xff\xff\xff\xff\xff")); !errors.Is(err, guestwire.ErrBadFrame) {
		t.Fatalf("negative: %v", err)
	}
}

// Whatever a peer sends, a reader must neither panic nor keep more than a
// frame, and what it takes must be what WriteData would send.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00\x00\x00\x00\x02hi\x03\x00\x00\x00\x00\x00\x00\x00"))
	f.Add(guestwire.LostFrame(5))
	f.Add([]byte("\x01\x00\x00\x00\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, in []byte) {
		frames := guestwire.NewFrameReader(bytes.NewReader(in))
		var out bytes.Buffer
		for {
			frame, err := frames.Next()
			if err != nil {
				break
			}
			switch frame.Kind {
			case guestwire.Data:
				_, _ = guestwire.WriteData(&out, frame.Data)
			case guestwire.Lost:
				out.Write(guestwire.LostFrame(frame.Lost))
			case guestwire.End:
				_ = guestwire.WriteEnd(&out)
			}
		}
		if !bytes.HasPrefix(in, out.Bytes()) {
			t.Fatalf("read back as %q", out.Bytes())
		}
	})
}

func FuzzRequest(f *testing.F) {
	f.Add([]byte(`{"epoch":7,"container":"c1","stream":"stdout","offset":0}` + "\n"))
	f.Add([]byte("{}\n"))
	f.Add([]byte("\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		req, err := guestwire.ReadRequest(bufio.NewReader(bytes.NewReader(in)))
		if err != nil {
			return
		}
		var buf bytes.Buffer
		if err := guestwire.WriteLine(&buf, req); err != nil {
			t.Fatal(err)
		}
		// Escapes may make the line longer than what came in.
		if again, err := guestwire.ReadRequest(bufio.NewReader(&buf)); err != nil && !errors.Is(err, guestwire.ErrLineTooLong) || err == nil && again != req {
			t.Fatalf("%+v became %+v, %v", req, again, err)
		}
	})
}
