package tail

import (
	"io"
	"os"
	"strings"
)

// Last returns the newest limit bytes of the file at path.
func Last(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.NewSectionReader(f, max(0, info.Size()-limit), limit))
}

// LastLines returns at most n of the last lines within the newest limit
// bytes of the file at path, oldest first. A file that cannot be read has none.
func LastLines(path string, n int, limit int64) []string {
	text, err := Last(path, limit)
	if err != nil {
		return []string{}
	}
	return splitLines(text, n)
}

// maxLine bounds a line of evidence, in bytes.
const maxLine = 1024

// splitLines returns the last n lines of text that are not blank, made valid
// UTF-8 and shortened to maxLine.
func splitLines(text []byte, n int) []string {
	lines := []string{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" {
			continue
		}
		lines = append(lines, strings.ToValidUTF8(line[:min(len(line), maxLine)], "\uFFFD"))
	}
	return lines[max(0, len(lines)-n):]
}

// Begin returns the offset of the newest n bytes of the file at path; 0 when
// it has fewer or cannot be read.
func Begin(path string, n int64) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return max(0, info.Size()-n)
}
