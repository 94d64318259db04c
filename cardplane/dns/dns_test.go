package dns_test

import (
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/cardplane/cardplane/cardplane/dns"
)

// server answers over UDP with a truncated answer where long is set, and over
// TCP always.
type server struct {
	code dnsmessage.RCode
	long bool
	lie  bool // the first answer over UDP is to another question
}

func (s server) answer(query []byte, truncated bool) []byte {
	var m dnsmessage.Message
	if m.Unpack(query) != nil {
		return nil
	}
	m.Response, m.Truncated, m.RCode, m.Additionals = true, truncated, s.code, nil
	if !truncated && s.code == 0 {
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Class: dnsmessage.ClassINET, TTL: 1},
			Body:   &dnsmessage.AResource{A: [4]byte{192, 0, 2, 1}},
		}}
	}
	out, _ := m.Pack()
	return out
}

// start serves until the test ends, and returns where.
func (s server) start(t *testing.T) string {
	t.Helper()
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	streams, err := net.Listen("tcp", packets.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	t.Cleanup(func() {
		_ = packets.Close()
		_ = streams.Close()
		work.Wait()
	})
	work.Go(func() {
		buf := make([]byte, 2048)
		for {
			n, from, err := packets.ReadFrom(buf)
			if err != nil {
				return
			}
			if s.lie {
				_, _ = packets.WriteTo([]byte{1, 2, 3}, from)
			}
			_, _ = packets.WriteTo(s.answer(buf[:n], s.long), from)
		}
	})
	work.Go(func() {
		for {
			conn, err := streams.Accept()
			if err != nil {
				return
			}
			var length [2]byte
			if _, err := io.ReadFull(conn, length[:]); err == nil {
				query := make([]byte, binary.BigEndian.Uint16(length[:]))
				_, _ = io.ReadFull(conn, query)
				answer := s.answer(query, false)
				_, _ = conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
			}
			_ = conn.Close()
		}
	})
	return packets.LocalAddr().String()
}

func resolvConf(t *testing.T, path string, servers ...string) {
	t.Helper()
	text := "# ours\nsearch example.com\n"
	for _, s := range servers {
		text += "nameserver " + s + "\n"
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func query(t testing.TB, name string) []byte {
	t.Helper()
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 4711, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}},
	}
	out, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func ask(t *testing.T, f *dns.Forwarder) dnsmessage.Message {
	t.Helper()
	var m dnsmessage.Message
	if err := m.Unpack(f.Answer(t.Context(), query(t, "example.com."))); err != nil {
		t.Fatal(err)
	}
	if m.ID != 4711 || !m.Response || len(m.Questions) != 1 {
		t.Errorf("%+v", m)
	}
	return m
}

func TestForward(t *testing.T) {
	path := filepath.Join(t.TempDir(), "resolv.conf")
	f := dns.New(path)
	if m := ask(t, f); m.RCode != dnsmessage.RCodeServerFailure {
		t.Errorf("without a file: %v", m.RCode)
	}
	for name, servers := range map[string][]string{
		"one":            {server{}.start(t)},
		"a long answer":  {server{long: true}.start(t)},
		"a liar":         {server{lie: true}.start(t)},
		"after one that": {server{code: dnsmessage.RCodeServerFailure}.start(t), server{}.start(t)},
		"after a no":     {server{code: dnsmessage.RCodeRefused}.start(t), server{}.start(t)},
	} {
		resolvConf(t, path, servers...)
		if m := ask(t, f); m.RCode != 0 || len(m.Answers) != 1 || m.Truncated {
			t.Errorf("%s: %+v", name, m)
		}
	}
	resolvConf(t, path, server{code: dnsmessage.RCodeNameError}.start(t))
	if m := ask(t, f); m.RCode != dnsmessage.RCodeNameError {
		t.Errorf("a name that does not exist: %v", m.RCode)
	}
}

// Whatever a guest asks, there is no answer or a message, and no server sees
// anything but a question.
func FuzzAnswer(f *testing.F) {
	f.Add(query(f, "example.com."))
	f.Add([]byte{0, 0, 1, 2})
	forward := dns.New("/nonexistent")
	f.Fuzz(func(t *testing.T, query []byte) {
		answer := forward.Answer(t.Context(), query)
		if answer == nil {
			return
		}
		var m dnsmessage.Message
		if err := m.Unpack(answer); err != nil {
			t.Errorf("%x is answered with %x: %v", query, answer, err)
		}
	})
}
