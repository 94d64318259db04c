package logs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// tailStart walks back from end, no further than begin, and returns the
// position of the record, and the number of its bytes to skip, with which the
// last lines begin.
func tailStart(files io.ReaderAt, begin, end, lines int64, want wanted) (pos, skip int64, err error) {
	if lines == 0 {
		return end, 0, nil
	}
	var buf []byte
	last := true // the newline that ends the last line begins no further line
	for pos = end; pos > begin; {
		h, data, grown, err := recordBefore(files, pos, buf)
		buf = grown
		if errors.Is(err, errTorn) || errors.Is(err, fs.ErrNotExist) {
			return pos, 0, nil // what is before was deleted meanwhile, or lost
		}
		if err != nil {
			return 0, 0, fmt.Errorf("tail of journal: %w", err)
		}
		pos -= h.size()
		if !want.has(h) || len(data) == 0 {
			continue
		}
		if last && data[len(data)-1] == '\n' {
			lines++
		}
		last = false
		for at := len(data); ; lines-- {
			if at = bytes.LastIndexByte(data[:at], '\n'); at < 0 {
				break
			}
			if lines == 1 {
				return pos, int64(at) + 1, nil
			}
		}
	}
	return pos, 0, nil
}

// recordBefore reads the record that ends at end, as readRecord does.
func recordBefore(files io.ReaderAt, end int64, buf []byte) (header, []byte, []byte, error) {
	size, err := sizeBefore(files, end)
	if err != nil {
		return header{}, nil, buf, err
	}
	return readRecord(files, end-size, buf)
}
