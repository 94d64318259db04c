package resolver_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/cardplane/cardplane/guest-agent/resolver"
	"github.com/cardplane/cardplane/openapi/guestwire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// query packs a question.
func query(t testing.TB, name string, kind dnsmessage.Type) []byte {
	t.Helper()
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 4711, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET}},
	}
	packed, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

func unpack(t *testing.T, answer []byte) dnsmessage.Message {
	t.Helper()
	var m dnsmessage.Message
	if err := m.Unpack(answer); err != nil {
		t.Fatal(err)
	}
	if m.ID != 4711 || !m.Response {
		t.Errorf("header %+v", m.Header)
	}
	return m
}

// addresses returns what an answer says.
func addresses(m dnsmessage.Message) []string {
	var out []string
	for _, a := range m.Answers {
		switch body := a.Body.(type) {
		case *dnsmessage.AResource:
			out = append(out, netip.AddrFrom4(body.A).String())
		case *dnsmessage.AAAAResource:
			out = append(out, netip.AddrFrom16(body.AAAA).String())
		case *dnsmessage.PTRResource:
			out = append(out, body.PTR.String())
		}
	}
	return out
}

func known(t *testing.T) *resolver.Resolver {
	t.Helper()
	names, err := resolver.Names(map[string][]string{
		"db": {"10.1.0.2", "fd00::2"}, "db.default": {"10.1.0.2", "fd00::2"}, "v4": {"10.1.0.3"},
	})
	if err != nil {
		t.Fatal(err)
	}
	r := resolver.New()
	r.Set(names, true)
	return r
}

func TestNames(t *testing.T) {
	r := known(t)
	for _, c := range []struct {
		name string
		kind dnsmessage.Type
		want []string
		code dnsmessage.RCode
	}{
		{"db.", dnsmessage.TypeA, []string{"10.1.0.2"}, 0},
		{"DB.", dnsmessage.TypeAAAA, []string{"fd00::2"}, 0},
		{"db.", dnsmessage.TypeALL, []string{"10.1.0.2", "fd00::2"}, 0},
		{"v4.", dnsmessage.TypeAAAA, nil, 0},
		{"db.", dnsmessage.TypeTXT, nil, 0},
		{"2.0.1.10.in-addr.arpa.", dnsmessage.TypePTR, []string{"db.default."}, 0},
		{"2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa.", dnsmessage.TypePTR, []string{"db.default."}, 0},
		{"example.com.", dnsmessage.TypeA, nil, dnsmessage.RCodeServerFailure},
	} {
		m := unpack(t, r.Answer(t.Context(), query(t, c.name, c.kind)))
		if !slices.Equal(addresses(m), c.want) || m.RCode != c.code {
			t.Errorf("%s %s: %v %v", c.name, c.kind, addresses(m), m.RCode)
		}
	}
	r.Set(nil, false)
	if m := unpack(t, r.Answer(t.Context(), query(t, "db.", dnsmessage.TypeA))); m.RCode != dnsmessage.RCodeNameError {
		t.Errorf("with no names and no way on: %v", m.RCode)
	}
}

// stream connects r to a controller that answers with answer.
func stream(t *testing.T, r *resolver.Resolver, answer func(query []byte) []byte) (end func()) {
	t.Helper()
	agent, card := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = r.Serve(agent, bufio.NewReader(agent))
		_ = agent.Close()
	}()
	in := bufio.NewReader(card)
	if _, err := guestwire.ReadReply(in); err != nil {
		t.Fatal(err)
	}
	go func() {
		frames := guestwire.NewFrameReader(in)
		for {
			f, err := frames.Next()
			if err != nil {
				return
			}
			if text := answer(slices.Clone(f.Data)); text != nil {
				_, _ = guestwire.WriteData(card, text)
			}
		}
	}()
	return func() {
		_ = card.Close()
		<-done
	}
}

func TestForward(t *testing.T) {
	r := known(t)
	var asked int
	end := stream(t, r, func(q []byte) []byte {
		asked++
		binary.BigEndian.PutUint16(q[2:], 1<<15) // a response
		return q
	})
	m := unpack(t, r.Answer(t.Context(), query(t, "example.com.", dnsmessage.TypeA)))
	if m.RCode != dnsmessage.RCodeSuccess || m.Questions[0].Name.String() != "example.com." || asked != 1 {
		t.Errorf("%+v, asked %d", m, asked)
	}
	if m := unpack(t, r.Answer(t.Context(), query(t, "db.", dnsmessage.TypeA))); len(m.Answers) != 1 || asked != 1 {
		t.Errorf("our own name: %+v, asked %d", m, asked)
	}
	end()
	if m := unpack(t, r.Answer(t.Context(), query(t, "example.com.", dnsmessage.TypeA))); m.RCode != dnsmessage.RCodeServerFailure {
		t.Errorf("while the controller is away: %v", m.RCode)
	}
}

// A stream that breaks fails those who wait, and a later one takes its place.
func TestStreamEndsWhileAsked(t *testing.T) {
	r := known(t)
	asked := make(chan struct{})
	end := stream(t, r, func([]byte) []byte { close(asked); return nil })
	answer := make(chan []byte, 1)
	go func() { answer <- r.Answer(t.Context(), query(t, "example.com.", dnsmessage.TypeA)) }()
	<-asked
	end()
	if m := unpack(t, <-answer); m.RCode != dnsmessage.RCodeServerFailure {
		t.Errorf("%v", m.RCode)
	}
}

func TestServer(t *testing.T) {
	r := resolver.New()
	many := make(map[string][]netip.Addr)
	for i := range 40 {
		many["many"] = append(many["many"], netip.AddrFrom16([16]byte{0xfd, 15: byte(i)}))
	}
	many["one"] = many["many"][:1]
	r.Set(many, false)
	s, err := resolver.Listen(r, netip.MustParseAddr("127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	host := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, s.Addr().String())
	}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for name, want := range map[string]int{"one.": 1, "many.": 32} { // the longer answer takes TCP
		got, err := host.LookupHost(ctx, name)
		if err != nil || len(got) != want {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
}

// Nothing that a program sends takes the resolver down, and what it answers is
// a message.
func FuzzAnswer(f *testing.F) {
	f.Add(query(f, "db.", dnsmessage.TypeA))
	f.Add(query(f, "2.0.1.10.in-addr.arpa.", dnsmessage.TypePTR))
	f.Add([]byte{1, 2, 3})
	r := resolver.New()
	r.Set(map[string][]netip.Addr{"db": {netip.MustParseAddr("10.1.0.2")}}, true)
	f.Fuzz(func(t *testing.T, query []byte) {
		answer := r.Answer(t.Context(), query)
		if answer == nil {
			return
		}
		var m dnsmessage.Message
		if err := m.Unpack(answer); err != nil {
			t.Errorf("%x is answered with %x: %v", query, answer, err)
		}
	})
}
