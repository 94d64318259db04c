package logs

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

// perKind holds an offset for each kind of record that is output.
type perKind [kindStderr + 1]int64

// state is what all records amount to. Its JSON is the data of a checkpoint.
type state struct {
	Size     int64   // position after the last whole record
	Next     perKind // next offset of each stream
	Base     perKind // offsets at which the present run began
	Runs     int     // runs begun
	RunStart int64   // position of the present run's first record
	Active   bool    // the present run has not ended
}

// apply takes the record that begins at Size into account.
func (st *state) apply(h header) {
	switch h.kind {
	case kindRunBegin:
		st.Runs++
		st.Active = true
		st.RunStart = st.Size
		st.Base = st.Next
	case kindRunEnd:
		st.Active = false
	case kindStdout, kindStderr:
		st.Next[h.kind] = h.offset + int64(h.length)
	}
	st.Size += h.size()
}

// sane reports whether st can be that of a journal.
func (st *state) sane() bool {
	for k := range st.Next {
		if st.Base[k] < 0 || st.Next[k] < st.Base[k] || st.Next[k] > maxOffset {
			return false
		}
	}
	return st.Size >= 0 && st.RunStart >= 0 && st.RunStart <= st.Size
}

// encode returns the checkpoint's data.
func (st *state) encode() ([]byte, error) { return json.Marshal(st) }

// scan reads the file that begins at position start. head is the length of its
// checkpoint. It returns errTorn when not even that is whole.
func scan(file *os.File, start int64) (st state, head int64, err error) {
	h, data, buf, err := readRecord(file, 0, nil)
	if err != nil {
		return state{}, 0, err
	}
	if h.kind != kindCheckpoint || json.Unmarshal(data, &st) != nil || st.Size != start || !st.sane() {
		return state{}, 0, fmt.Errorf("%w: no checkpoint", errTorn)
	}
	head = h.size()
	st.apply(h)
	for {
		h, _, grown, err := readRecord(file, st.Size-start, buf)
		buf = grown
		if errors.Is(err, errTorn) {
			return st, head, nil
		}
		if err != nil {
			return state{}, 0, err
		}
		st.apply(h)
	}
}
