// Package dns asks the card's own resolvers for names, on behalf of guests.
//
// A guest's query may be anything: what is not a plain question is refused, and
// nothing but the question is taken over. An answer counts only if it is to the
// question that was asked.
package dns

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	// attemptTimeout bounds the wait for one server.
	attemptTimeout = 3 * time.Second
	// maxServers bounds the servers that are asked for one query.
	maxServers = 3
	// payload is how long an answer over UDP we take, in bytes.
	payload = 1232
	// maxAnswer bounds an answer, in bytes.
	maxAnswer  = 60 << 10
	lengthSize = 2
)

// Forwarder answers queries. Its methods are safe for concurrent use.
type Forwarder struct {
	conf *config
}

// New returns a Forwarder that asks the servers which the file path, in the form
// of resolv.conf(5), names. The file is read anew when it has changed.
func New(path string) *Forwarder { return &Forwarder{conf: &config{path: path}} }

// Answer returns the answer to query, nil where query is none. A question that
// no server has answered is answered as failed.
func (f *Forwarder) Answer(ctx context.Context, query []byte) []byte {
	head, question, ok := parse(query)
	if !ok || head.Response {
		return nil
	}
	if head.OpCode != 0 || question.Class != dnsmessage.ClassINET || question.Type == dnsmessage.TypeAXFR {
		return refuse(head, question, dnsmessage.RCodeNotImplemented)
	}
	asked, id := ask(question)
	for _, server := range f.conf.servers() {
		answer, err := exchange(ctx, server, asked, id, question)
		if err == nil {
			binary.BigEndian.PutUint16(answer, head.ID)
			return answer
		}
		if ctx.Err() != nil {
			break
		}
	}
	return refuse(head, question, dnsmessage.RCodeServerFailure)
}

// parse reads the header and the only question of a message.
func parse(message []byte) (head dnsmessage.Header, question dnsmessage.Question, ok bool) {
	var p dnsmessage.Parser
	head, err := p.Start(message)
	if err != nil {
		return head, question, false
	}
	if question, err = p.Question(); err != nil {
		return head, question, false
	}
	_, err = p.Question()
	return head, question, errors.Is(err, dnsmessage.ErrSectionDone)
}

// ask makes a query of our own, with an id that nobody can foresee.
func ask(q dnsmessage.Question) (query []byte, id uint16) {
	var raw [2]byte
	_, _ = rand.Read(raw[:]) // never fails: crypto/rand ends the process instead
	id = binary.BigEndian.Uint16(raw[:])
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: id, RecursionDesired: true},
		Questions: []dnsmessage.Question{q},
	}
	var opt dnsmessage.ResourceHeader
	if opt.SetEDNS0(payload, dnsmessage.RCodeSuccess, false) == nil {
		m.Additionals = []dnsmessage.Resource{{Header: opt, Body: &dnsmessage.OPTResource{}}}
	}
	query, err := m.Pack()
	if err != nil {
		return nil, id // the question was read from a message
	}
	return query, id
}

func refuse(head dnsmessage.Header, q dnsmessage.Question, code dnsmessage.RCode) []byte {
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: head.ID, Response: true, OpCode: head.OpCode, RecursionDesired: head.RecursionDesired, RecursionAvailable: true, RCode: code},
		Questions: []dnsmessage.Question{q},
	}
	packed, err := m.Pack()
	if err != nil {
		return nil
	}
	return packed
}

// exchange asks one server, over UDP and, where the answer is too long for
// that, over TCP.
func exchange(ctx context.Context, server string, query []byte, id uint16, q dnsmessage.Question) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	answer, head, err := overUDP(ctx, server, query, id, q)
	if err == nil && !head.Truncated {
		return answer, failure(head)
	}
	if err != nil {
		return nil, err
	}
	answer, head, err = overTCP(ctx, server, query, id, q)
	return answer, errors.Join(err, failure(head))
}

var errFailed = errors.New("the server has failed")

// failure tells of an answer after which another server is asked.
func failure(head dnsmessage.Header) error {
	if head.RCode == dnsmessage.RCodeServerFailure || head.RCode == dnsmessage.RCodeRefused {
		return errFailed
	}
	return nil
}

func dial(ctx context.Context, network, server string) (net.Conn, func(), error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, server)
	if err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	return conn, func() {
		stop()
		_ = conn.Close()
	}, nil
}

func overUDP(ctx context.Context, server string, query []byte, id uint16, q dnsmessage.Question) ([]byte, dnsmessage.Header, error) {
	conn, done, err := dial(ctx, "udp", server)
	if err != nil {
		return nil, dnsmessage.Header{}, err
	}
	defer done()
	if _, err := conn.Write(query); err != nil {
		return nil, dnsmessage.Header{}, err
	}
	buf := make([]byte, payload)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return nil, dnsmessage.Header{}, err
		}
		if head, ok := answers(buf[:n], id, q); ok {
			return buf[:n], head, nil
		}
	}
}

func overTCP(ctx context.Context, server string, query []byte, id uint16, q dnsmessage.Question) ([]byte, dnsmessage.Header, error) {
	conn, done, err := dial(ctx, "tcp", server)
	if err != nil {
		return nil, dnsmessage.Header{}, err
	}
	defer done()
	if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(query))), query...)); err != nil {
		return nil, dnsmessage.Header{}, err
	}
	var length [lengthSize]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return nil, dnsmessage.Header{}, err
	}
	n := int(binary.BigEndian.Uint16(length[:]))
	if n > maxAnswer {
		return nil, dnsmessage.Header{}, errFailed
	}
	answer := make([]byte, n)
	if _, err := io.ReadFull(conn, answer); err != nil {
		return nil, dnsmessage.Header{}, err
	}
	head, ok := answers(answer, id, q)
	if !ok {
		return nil, head, errFailed
	}
	return answer, head, nil
}

// answers reports whether a message is the answer to the question.
func answers(message []byte, id uint16, q dnsmessage.Question) (dnsmessage.Header, bool) {
	head, question, ok := parse(message)
	return head, ok && head.Response && head.ID == id && question.Type == q.Type && question.Class == q.Class &&
		strings.EqualFold(question.Name.String(), q.Name.String())
}
