package guestclient_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/cardplane/cardplane/cardplane/guestclient"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestwire"
)

// port answers a request for a port with reply, and then sends raw.
func port(reply string, raw []byte) func(net.Conn) {
	return func(conn net.Conn) {
		if _, err := guestwire.ReadRequest(bufio.NewReader(conn)); err != nil {
			return
		}
		if _, err := conn.Write(append([]byte(reply), raw...)); err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, conn)
	}
}

func TestHostilePort(t *testing.T) {
	var flood []byte
	for range 3 {
		b := make([]byte, guestwire.FrameHeaderSize+60_000)
		guestwire.PutDataHeader(b, 60_000)
		flood = append(flood, b...)
	}
	for name, tc := range map[string]struct {
		reply, code string
		raw         []byte
	}{
		"no reply":     {"\n", guestclient.CodeUnreachable, nil},
		"long reply":   {string(bytes.Repeat([]byte("x"), 2*guestwire.MaxReplyLine)), guestclient.CodeUnreachable, nil},
		"foreign code": {`{"problem":{"code":"image_not_found","class":"not_found","detail":"x"}}` + "\n", "guest_error", nil},
		"refused":      {`{"problem":{"code":"connection_refused","class":"failed_precondition","detail":"x"}}` + "\n", "connection_refused", nil},
		"flood":        {"{}\n", "", flood},
		"no frames":    {"{}\n", "", []byte("HTTP/1.1 200 OK\r\n\r\n")},
		"ack of all":   {"{}\n", "", guestwire.AckFrame(1 << 62)},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := hostile(t, port(tc.reply, tc.raw)).DialPort(testContext(t), testContext(t), "c1", 80)
			if tc.code != "" {
				if !apierr.Is(err, tc.code) {
					t.Errorf("got %v, want %s", err, tc.code)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			<-conn.Broken()
			if _, err := io.Copy(io.Discard, conn); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("it ends with %v", err)
			}
		})
	}
}

// A connection ends with the context that it was given for life.
func TestPortEndsWithItsRun(t *testing.T) {
	life, end := context.WithCancel(testContext(t))
	conn, err := hostile(t, port("{}\n", nil)).DialPort(life, testContext(t), "c1", 80)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	end()
	<-conn.Broken()
}
