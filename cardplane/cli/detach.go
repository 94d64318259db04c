package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// defaultDetachKeys leave a terminal session, as in docker.
const defaultDetachKeys = "ctrl-p,ctrl-q"

// errDetached tells that the user typed the detach keys.
var errDetached = errors.New("read escape sequence")

// parseDetachKeys turns "ctrl-p,ctrl-q" into the bytes that a terminal sends
// for it. A key is a single character, or ctrl- and one of a-z @ [ \ ] ^ _.
// An empty text is no keys: nothing detaches.
func parseDetachKeys(text string) ([]byte, error) {
	if text == "" {
		return nil, nil
	}
	var keys []byte
	for key := range strings.SplitSeq(text, ",") {
		name, control := strings.CutPrefix(strings.ToLower(key), "ctrl-")
		switch {
		case control && len(name) == 1 && (name[0] >= 'a' && name[0] <= 'z'):
			keys = append(keys, name[0]-'a'+1)
		case control && len(name) == 1 && strings.Contains(`@[\]^_`, name):
			keys = append(keys, name[0]-'@')
		case !control && len(key) == 1:
			keys = append(keys, key[0])
		default:
			return nil, fmt.Errorf("%q is no detach key; use a single character, or ctrl- with one of a-z @ [ \\ ] ^ _", key)
		}
	}
	return keys, nil
}

// detachReader passes input on until the detach keys come, and then returns
// errDetached. Keys that could begin the sequence are held back until the
// next one decides.
type detachReader struct {
	source io.Reader
	keys   []byte
	held   int    // how many keys of the sequence were seen
	ready  []byte // what is to be passed on
	err    error
}

func (d *detachReader) Read(p []byte) (int, error) {
	if len(d.keys) == 0 {
		return d.source.Read(p)
	}
	for len(d.ready) == 0 && d.err == nil {
		n, err := d.source.Read(p)
		for _, b := range p[:n] {
			if d.feed(b); d.err != nil {
				break
			}
		}
		if err != nil && d.err == nil {
			d.ready = append(d.ready, d.keys[:d.held]...)
			d.held, d.err = 0, err
		}
	}
	if len(d.ready) == 0 {
		return 0, d.err
	}
	n := copy(p, d.ready)
	d.ready = d.ready[n:]
	return n, nil
}

// feed takes one byte of input. On a mismatch, the longest end of what was
// held that can still begin the sequence stays held.
func (d *detachReader) feed(b byte) {
	for d.held > 0 && d.keys[d.held] != b {
		shorter := d.held - 1
		for shorter > 0 && string(d.keys[:shorter]) != string(d.keys[d.held-shorter:d.held]) {
			shorter--
		}
		d.ready = append(d.ready, d.keys[:d.held-shorter]...)
		d.held = shorter
	}
	if d.keys[d.held] != b {
		d.ready = append(d.ready, b)
		return
	}
	if d.held++; d.held == len(d.keys) {
		d.err = errDetached
	}
}
