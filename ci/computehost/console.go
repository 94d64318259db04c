package computehost

import (
	"io"
	"strings"
	"sync"
)

// maxConsole is how much of the console's end is kept, in bytes.
const maxConsole = 256 << 10

// console keeps the end of what is written to it and passes all of it on.
type console struct {
	mu   sync.Mutex
	kept []byte
	to   io.Writer // may be nil; its errors do not matter to the host
}

// Write implements io.Writer and never fails.
func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept = append(c.kept, p...)
	if extra := len(c.kept) - maxConsole; extra > 0 {
		c.kept = append(c.kept[:0], c.kept[extra:]...)
	}
	if c.to != nil {
		_, _ = c.to.Write(p)
	}
	return len(p), nil
}

func (c *console) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.ReplaceAll(string(c.kept), "\r", "")
}

// tail returns the last n lines.
func (c *console) tail(n int) string {
	lines := strings.Split(strings.TrimRight(c.String(), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
