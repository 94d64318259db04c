package vhostvsock

import (
	"bytes"
	"errors"
	"strconv"
)

// maxConnectLine is the longest CONNECT line in bytes, newline included, as
// in Cloud Hypervisor.
const maxConnectLine = 32

var errConnectLine = errors.New("not a line \"CONNECT <port>\" of at most 32 bytes")

// parseConnect reads the line "CONNECT <port>\n" at the start of b. It
// returns the guest port and the length of the line, or a length of 0 when
// the line is not complete yet. The keyword's case does not matter.
func parseConnect(b []byte) (port uint32, length int, err error) {
	b = b[:min(len(b), maxConnectLine)]
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		if len(b) == maxConnectLine {
			return 0, 0, errConnectLine
		}
		return 0, 0, nil
	}
	words := bytes.Fields(b[:end])
	if len(words) != 2 || !bytes.EqualFold(words[0], []byte("connect")) {
		return 0, 0, errConnectLine
	}
	n, err := strconv.ParseUint(string(words[1]), 10, 32)
	if err != nil {
		return 0, 0, errConnectLine
	}
	return uint32(n), end + 1, nil
}
