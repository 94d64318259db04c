package vhostvsock

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestParseConnect(t *testing.T) {
	long := "CONNECT " + strings.Repeat(" ", 22) + "1\n" // 32 bytes
	for _, tc := range []struct {
		in     string
		port   uint32
		length int
		err    error
	}{
		{in: "CONNECT 1024\n", port: 1024, length: 13},
		{in: "connect 4294967295\nrest", port: 4294967295, length: 19},
		{in: long, port: 1, length: 32},
		{in: ""},
		{in: "CONN"},
		{in: long[:31]},
		{in: " " + long, err: errConnectLine},
		{in: "\n", err: errConnectLine},
		{in: "CONNECT\n", err: errConnectLine},
		{in: "CONNECT x\n", err: errConnectLine},
		{in: "CONNECT 1 2\n", err: errConnectLine},
		{in: "CONNECT 4294967296\n", err: errConnectLine},
		{in: strings.Repeat("x", 32), err: errConnectLine},
	} {
		port, length, err := parseConnect([]byte(tc.in))
		if port != tc.port || length != tc.length || !errors.Is(err, tc.err) {
			t.Errorf("parseConnect(%q) = %d, %d, %v", tc.in, port, length, err)
		}
	}
}

func FuzzConnectLine(f *testing.F) {
	for _, s := range []string{"CONNECT 1\n", "connect 99\nmore", "CONNECT", "\n\n", strings.Repeat("C", 40)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		port, length, err := parseConnect(b)
		switch {
		case err != nil && length != 0, length > len(b), length > maxConnectLine:
			t.Fatalf("length %d, %v", length, err)
		case length > 0 && b[length-1] != '\n':
			t.Fatalf("line %q", b[:length])
		case err == nil && length == 0 && (len(b) >= maxConnectLine || bytes.IndexByte(b, '\n') >= 0):
			t.Fatalf("%q is neither accepted nor refused", b)
		}
		again, n, _ := parseConnect(b[:length])
		if length > 0 && (again != port || n != length) {
			t.Fatal("bytes after the line count")
		}
	})
}
