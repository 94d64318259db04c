// Package guestwire holds what guest-agent and its clients share beyond the
// generated API: vsock ports, the epoch header, and the stream protocol of
// port 1025, as the description of guest-agent.yaml defines it.
//
// A connection carries one stream of one process:
//
//	client → agent   StreamRequest, one JSON line
//	agent → client   StreamReply, one JSON line
//	sender → receiver   frames: data, lost, end
//	receiver → sender   acknowledgements: cumulative 8-byte offsets
//
// The agent is the sender of stdout and stderr, the client that of stdin.
// Only an end frame ends a stream; a connection that closes without one was
// cut, and the client resumes on a new one at the offset that it has reached.
//
// A connection to a port is a [Duplex] instead: frames in both directions, which
// acknowledge each other. It cannot be resumed. One for names has a whole DNS
// message in each data frame, in both directions, and one for frames a whole
// Ethernet frame.
//
// Everything read here may come from a hostile peer: lines and frames are
// bounded, and no length is trusted before it is checked.
package guestwire

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
)

const (
	// ControlPort is the vsock port of the HTTP API.
	ControlPort = 1024
	// StreamPort is the vsock port of streams.
	StreamPort = 1025
	// EpochHeader is the HTTP header that carries the controller's epoch.
	EpochHeader = "Cardplane-Epoch"
	// MaxRequestLine bounds a StreamRequest's line, its '\n' included, in bytes.
	MaxRequestLine = 4 << 10
	// MaxReplyLine bounds a StreamReply's line, its '\n' included, in bytes.
	// It is larger because a problem may carry evidence.
	MaxReplyLine = 64 << 10
)

// The values of StreamRequest.Stream.
const (
	Stdin  = "stdin"
	Stdout = "stdout"
	Stderr = "stderr"
	// Port is a TCP connection to a port of the container.
	Port = "port"
	// Names carries DNS messages: queries from the machine, answers to it.
	Names = "names"
	// Frames carries the Ethernet frames of an interface, in both directions.
	Frames = "frames"
)

const (
	// NamesTimeout is how long an agent waits for the answer to a query.
	NamesTimeout = 10 * time.Second
	// MaxStreamMTU is the largest MTU of an interface whose frames go over a
	// stream: one fits a data frame, with its Ethernet header.
	MaxStreamMTU = MaxPayloadSize - 14
	// MaxQueries is how many queries of an agent wait for an answer at a time.
	MaxQueries = 256
)

// StreamRequest is the client's first line on a stream connection.
type StreamRequest struct {
	// Epoch is the controller's. One lower than the agent's is refused.
	Epoch int64 `json:"epoch"`
	// Container is the container's id.
	Container string `json:"container"`
	// Exec is the exec's id, or "" for the container's own process.
	Exec string `json:"exec,omitempty"`
	// Stream is Stdin, Stdout, Stderr, Port, Names or Frames. A process with a
	// terminal has no Stderr.
	Stream string `json:"stream"`
	// Offset is the first byte wanted, counted from the process's start.
	// It is not looked at for Stdin and Port.
	Offset int64 `json:"offset"`
	// Port is the TCP port to connect to, for Port alone.
	Port int `json:"port,omitempty"`
	// Interface is the name of the interface, for Frames alone.
	Interface string `json:"interface,omitempty"`
}

// StreamReply is the agent's first line on a stream connection.
type StreamReply struct {
	// Offset is the offset of the first byte that will be sent, for Stdin the
	// first byte that the agent expects.
	Offset int64 `json:"offset"`
	// Lost is Offset less the offset asked for: bytes that were dropped, or
	// acknowledged before.
	Lost int64 `json:"lost"`
	// Problem is set when the request was refused; the connection is then closed.
	Problem *apierr.Problem `json:"problem,omitempty"`
}

// ErrLineTooLong is returned for a first line beyond its bound.
var ErrLineTooLong = errors.New("guestwire: line too long")

// WriteLine sends v as one JSON line with a single Write.
func WriteLine(w io.Writer, v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("guestwire: %w", err)
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// ReadRequest reads a StreamRequest. r goes on with the bytes after it.
func ReadRequest(r *bufio.Reader) (StreamRequest, error) {
	return readLine[StreamRequest](r, MaxRequestLine)
}

// ReadReply reads a StreamReply. r goes on with the bytes after it. A reply
// that carries a problem is returned as the *apierr.Error it describes.
func ReadReply(r *bufio.Reader) (StreamReply, error) {
	reply, err := readLine[StreamReply](r, MaxReplyLine)
	if err == nil && reply.Problem != nil {
		return reply, apierr.FromProblem(*reply.Problem)
	}
	return reply, err
}

// readLine decodes one JSON line of at most limit bytes. End of file before
// the first byte is io.EOF, within the line io.ErrUnexpectedEOF.
func readLine[T any](r *bufio.Reader, limit int) (T, error) {
	var out T
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > limit {
			return out, ErrLineTooLong
		}
		if err == nil {
			break
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if errors.Is(err, io.EOF) && len(line) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return out, err
	}
	if err := json.Unmarshal(line, &out); err != nil {
		return out, fmt.Errorf("guestwire: malformed line: %w", err)
	}
	return out, nil
}
