// Package resolver answers DNS in the machine: for the names that the
// controller has told, by itself, and for all others with what the controller
// answers over a stream.
//
// Queries come from programs of containers and answers from the controller.
// Both are bounded, and neither is trusted to be a DNS message.
package resolver

import (
	"bufio"
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/cardplane/cardplane/openapi/guestwire"
)

const (
	// ttl is how long programs may keep an answer about our names, in seconds.
	// They change whenever a container starts or ends.
	ttl = 1
	// maxAnswers bounds the addresses in an answer.
	maxAnswers = 32
)

// Resolver answers queries. Its methods are safe for concurrent use.
type Resolver struct {
	mu      sync.RWMutex
	names   map[string][]netip.Addr
	reverse map[netip.Addr]string
	forward bool
	up      *upstream // nil while no controller is connected
}

// New returns a resolver that knows no names.
func New() *Resolver { return &Resolver{} }

// Set replaces the names, which are in lower case and without the last dot.
// forward says whether others are asked for.
func (r *Resolver) Set(names map[string][]netip.Addr, forward bool) {
	reverse := make(map[netip.Addr]string)
	for name, addrs := range names {
		for _, a := range addrs {
			if old, ok := reverse[a]; !ok || better(name, old) {
				reverse[a] = name
			}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.names, r.reverse, r.forward = names, reverse, forward
}

// better reports whether an address is rather told by name than by old: the
// longest, which is the most exact, and always the same.
func better(name, old string) bool {
	return len(name) > len(old) || len(name) == len(old) && name < old
}

// Serve takes the controller's stream and asks it for names until it ends. A
// later one replaces it.
func (r *Resolver) Serve(conn net.Conn, in *bufio.Reader) error {
	up := newUpstream(conn)
	up.sending.Lock() // no query goes before the answer to the first line
	r.mu.Lock()
	old := r.up
	r.up = up
	r.mu.Unlock()
	if old != nil {
		_ = old.conn.Close()
	}
	err := guestwire.WriteLine(conn, guestwire.StreamReply{})
	up.sending.Unlock()
	if err == nil {
		err = up.receive(in)
	}
	up.end()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.up == up {
		r.up = nil
	}
	return err
}

// Answer returns the answer to a query, nil where it deserves none.
func (r *Resolver) Answer(ctx context.Context, query []byte) []byte {
	head, question, ok := parse(query)
	if !ok {
		return nil
	}
	if head.OpCode != 0 || question.Class != dnsmessage.ClassINET {
		return reply(head, question, dnsmessage.RCodeNotImplemented, nil)
	}
	name := strings.ToLower(strings.TrimSuffix(question.Name.String(), "."))
	r.mu.RLock()
	resources, ours := r.lookupLocked(name, question)
	forward, up := r.forward, r.up
	r.mu.RUnlock()
	switch {
	case ours:
		return reply(head, question, dnsmessage.RCodeSuccess, resources)
	case !forward:
		return reply(head, question, dnsmessage.RCodeNameError, nil)
	case up == nil:
		return reply(head, question, dnsmessage.RCodeServerFailure, nil)
	}
	ctx, cancel := context.WithTimeout(ctx, guestwire.NamesTimeout)
	defer cancel()
	if answer := up.ask(ctx, query); answer != nil {
		return answer
	}
	return reply(head, question, dnsmessage.RCodeServerFailure, nil)
}

// parse reads what a query has to have: a header and one question.
func parse(query []byte) (head dnsmessage.Header, question dnsmessage.Question, ok bool) {
	var p dnsmessage.Parser
	head, err := p.Start(query)
	if err != nil || head.Response {
		return head, question, false
	}
	question, err = p.Question()
	if err != nil {
		return head, question, false
	}
	_, err = p.Question()
	return head, question, err == dnsmessage.ErrSectionDone //nolint:errorlint // it is never wrapped
}

// lookupLocked returns what is known of a name; ours is false where that is
// nothing.
func (r *Resolver) lookupLocked(name string, q dnsmessage.Question) (out []dnsmessage.Resource, ours bool) {
	if q.Type == dnsmessage.TypePTR {
		addr, ok := reversed(name)
		host, known := r.reverse[addr]
		if !ok || !known {
			return nil, false
		}
		target, err := dnsmessage.NewName(host + ".")
		if err != nil {
			return nil, false
		}
		return []dnsmessage.Resource{{Header: resourceHead(q), Body: &dnsmessage.PTRResource{PTR: target}}}, true
	}
	addrs, ours := r.names[name]
	for _, a := range addrs[:min(len(addrs), maxAnswers)] {
		if body := addressBody(q.Type, a); body != nil {
			out = append(out, dnsmessage.Resource{Header: resourceHead(q), Body: body})
		}
	}
	return out, ours
}

func resourceHead(q dnsmessage.Question) dnsmessage.ResourceHeader {
	return dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: ttl}
}

// addressBody is a as an answer to a question for type t, nil where it is
// none.
func addressBody(t dnsmessage.Type, a netip.Addr) dnsmessage.ResourceBody {
	switch {
	case a.Is4() && (t == dnsmessage.TypeA || t == dnsmessage.TypeALL):
		return &dnsmessage.AResource{A: a.As4()}
	case a.Is6() && (t == dnsmessage.TypeAAAA || t == dnsmessage.TypeALL):
		return &dnsmessage.AAAAResource{AAAA: a.As16()}
	}
	return nil
}

// reply makes an answer.
func reply(head dnsmessage.Header, q dnsmessage.Question, code dnsmessage.RCode, answers []dnsmessage.Resource) []byte {
	m := dnsmessage.Message{
		Header: dnsmessage.Header{
			ID: head.ID, Response: true, OpCode: head.OpCode, RecursionDesired: head.RecursionDesired,
			RecursionAvailable: true, RCode: code,
		},
		Questions: []dnsmessage.Question{q}, Answers: answers,
	}
	packed, err := m.Pack()
	if err != nil {
		return nil // its parts were read from a message
	}
	return packed
}
