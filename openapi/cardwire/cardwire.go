// Package cardwire is the framing of attach and exec streams over a WebSocket,
// as the description of openapi/cardplane.yaml defines it under "Streams".
// Server and client share it.
package cardwire

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/cardapi"
)

// Subprotocol is the WebSocket subprotocol that both sides must agree on.
const Subprotocol = "cardplane.stream.v1"

// MaxPayload bounds the payload of a message in bytes, MaxMessage the message
// with its channel byte.
const (
	MaxPayload = 64 << 10
	MaxMessage = MaxPayload + 1
)

// Channel is the first byte of a message.
type Channel byte

// The channels.
const (
	Stdin    Channel = 0 // client to server, bytes
	Stdout   Channel = 1 // server to client, bytes
	Stderr   Channel = 2 // server to client, bytes
	Status   Channel = 3 // server to client, JSON StreamStatus, the last message
	Resize   Channel = 4 // client to server, JSON TerminalSize
	StdinEnd Channel = 5 // client to server, empty
)

// Errors of messages that break the framing.
var (
	ErrEmpty   = errors.New("a stream message lacks its channel byte")
	ErrTooLong = fmt.Errorf("a stream message carries more than %d bytes", MaxPayload)
)

// FromClient splits a message that a client sent into channel and payload.
// The payload aliases message.
func FromClient(message []byte) (Channel, []byte, error) {
	return split(message, Stdin, Resize, StdinEnd)
}

// FromServer splits a message that a server sent into channel and payload.
// The payload aliases message.
func FromServer(message []byte) (Channel, []byte, error) {
	return split(message, Stdout, Stderr, Status)
}

func split(message []byte, allowed ...Channel) (Channel, []byte, error) {
	if len(message) == 0 {
		return 0, nil, ErrEmpty
	}
	if len(message) > MaxMessage {
		return 0, nil, ErrTooLong
	}
	for _, channel := range allowed {
		if Channel(message[0]) == channel {
			return channel, message[1:], nil
		}
	}
	return 0, nil, fmt.Errorf("stream channel %d is unknown or not for this direction", message[0])
}

// Append appends a message of channel with payload to buf. A payload longer
// than MaxPayload must be sent in several messages.
func Append(buf []byte, channel Channel, payload []byte) []byte {
	return append(append(buf, byte(channel)), payload...)
}

// ParseResize decodes the payload of a Resize message and checks its bounds.
func ParseResize(payload []byte) (rows, cols uint16, err error) {
	var size cardapi.TerminalSize
	if err := json.Unmarshal(payload, &size); err != nil {
		return 0, 0, fmt.Errorf("resize message: %w", err)
	}
	if size.Rows < 1 || size.Rows > 65535 || size.Cols < 1 || size.Cols > 65535 {
		return 0, 0, fmt.Errorf("resize message: size %dx%d is out of bounds", size.Rows, size.Cols)
	}
	return uint16(size.Rows), uint16(size.Cols), nil
}

// ResizeMessage returns the Resize message for a size.
func ResizeMessage(rows, cols uint16) []byte {
	return message(Resize, cardapi.TerminalSize{Rows: int(rows), Cols: int(cols)})
}

// ParseStatus decodes the payload of a Status message.
func ParseStatus(payload []byte) (cardapi.StreamStatus, error) {
	var status cardapi.StreamStatus
	if err := json.Unmarshal(payload, &status); err != nil {
		return status, fmt.Errorf("status message: %w", err)
	}
	if (status.ExitCode == nil) == (status.Error == nil) {
		return status, errors.New("status message: exactly one of exitCode and error must be present")
	}
	return status, nil
}

// Error returns the error that a problem in a JSON value describes.
func Error(p cardapi.Problem) *apierr.Error {
	out := apierr.Problem{Type: p.Type, Title: p.Title, Status: p.Status, Detail: p.Detail, Class: string(p.Class), Code: p.Code}
	if p.Field != nil {
		out.Field = *p.Field
	}
	if p.Evidence != nil {
		out.Evidence = *p.Evidence
	}
	if p.Errors != nil {
		out.Errors = fieldErrors(*p.Errors)
	}
	return apierr.FromProblem(out)
}

func fieldErrors(list []cardapi.FieldError) []apierr.FieldError {
	text := func(p *string) string {
		if p == nil {
			return ""
		}
		return *p
	}
	out := make([]apierr.FieldError, len(list))
	for i, f := range list {
		out[i] = apierr.FieldError{Pointer: text(f.Pointer), Parameter: text(f.Parameter), Code: f.Code, Detail: f.Detail, Value: text(f.Value)}
	}
	return out
}

// StatusMessage returns the Status message for status. An error's evidence is
// left out where the message would be too long with it.
func StatusMessage(status cardapi.StreamStatus) []byte {
	out := message(Status, status)
	if len(out) > MaxMessage && status.Error != nil {
		problem := *status.Error
		problem.Evidence = nil
		out = message(Status, cardapi.StreamStatus{Error: &problem})
	}
	return out
}

// message returns a message with value as JSON; value is one of the two types
// above, which always marshal.
func message(channel Channel, value any) []byte {
	payload, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("marshal %T: %v", value, err))
	}
	return Append(make([]byte, 0, 1+len(payload)), channel, payload)
}
