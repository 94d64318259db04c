// Package streambench measures a connection, over vsock or TCP: round trips of small
// messages, and bytes a second each way with writes of a given size. Both
// ends speak it over any net.Conn.
//
// A client sends a header line "job size total\n", where job is echo, source
// (the server writes) or sink (the server reads), size is the length of each
// write in bytes and total the number of bytes.
package streambench

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"
)

// maxSize bounds the length of a write.
const maxSize = 1 << 20

// Serve answers clients, one at a time, until l is closed.
func Serve(l net.Listener) error {
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := serveOne(conn); err != nil {
			fmt.Println("client:", err)
		}
	}
}

func serveOne(conn net.Conn) error {
	defer func() { _ = conn.Close() }()
	r := bufio.NewReaderSize(conn, maxSize)
	var job string
	var size, total int
	if _, err := fmt.Fscanf(r, "%s %d %d\n", &job, &size, &total); err != nil {
		return err
	}
	if size < 1 || size > maxSize {
		return fmt.Errorf("size %d", size)
	}
	switch job {
	case "echo":
		return echo(r, conn, size, total)
	case "source":
		return write(conn, size, total)
	case "sink":
		return sink(r, conn, total)
	}
	return fmt.Errorf("unknown job %q", job)
}

func echo(r io.Reader, w io.Writer, size, total int) error {
	buf := make([]byte, size)
	for done := 0; done < total; done += size {
		if _, err := io.ReadFull(r, buf); err != nil {
			return err
		}
		if _, err := w.Write(buf); err != nil {
			return err
		}
	}
	return nil
}

func write(w io.Writer, size, total int) error {
	buf := make([]byte, size)
	for done := 0; done < total; done += size {
		if _, err := w.Write(buf); err != nil {
			return err
		}
	}
	return nil
}

func sink(r io.Reader, w io.Writer, total int) error {
	if _, err := io.CopyN(io.Discard, r, int64(total)); err != nil {
		return err
	}
	_, err := w.Write([]byte{1})
	return err
}

// RoundTrips sends n messages of size bytes, waits for the echo of each, and
// returns the median time.
func RoundTrips(conn net.Conn, size, n int) (time.Duration, error) {
	if _, err := fmt.Fprintf(conn, "echo %d %d\n", size, size*n); err != nil {
		return 0, err
	}
	buf := make([]byte, size)
	times := make([]time.Duration, 0, n)
	for range n {
		start := time.Now()
		if _, err := conn.Write(buf); err != nil {
			return 0, err
		}
		if _, err := io.ReadFull(conn, buf); err != nil {
			return 0, err
		}
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	return times[len(times)/2], nil
}

// FromServer receives total bytes that the server writes size at a time, and
// returns bytes a second.
func FromServer(conn net.Conn, size, total int) (float64, error) {
	total -= total % size
	if _, err := fmt.Fprintf(conn, "source %d %d\n", size, total); err != nil {
		return 0, err
	}
	start := time.Now()
	n, err := io.CopyBuffer(io.Discard, io.LimitReader(conn, int64(total)), make([]byte, 256<<10))
	if err == nil && n != int64(total) {
		err = fmt.Errorf("%d bytes of %d: %w", n, total, io.ErrUnexpectedEOF)
	}
	return float64(n) / time.Since(start).Seconds(), err
}

// ToServer sends total bytes, size at a time, and returns bytes a second,
// timed until the server has read them all.
func ToServer(conn net.Conn, size, total int) (float64, error) {
	total -= total % size
	if _, err := fmt.Fprintf(conn, "sink %d %d\n", size, total); err != nil {
		return 0, err
	}
	start := time.Now()
	if err := write(conn, size, total); err != nil {
		return 0, err
	}
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		return 0, err
	}
	return float64(total) / time.Since(start).Seconds(), nil
}

// Result is what Measure has measured.
type Result struct {
	BytesPerSecond    float64
	RequestsPerSecond float64 // of the median round trip
}

// Measure takes total bytes from the server that dial leads to, size at a time,
// and then makes round trips of messages of 64 bytes.
func Measure(dial func() (net.Conn, error), size, total, trips int) (r Result, err error) {
	err = withConn(dial, func(conn net.Conn) (err error) {
		r.BytesPerSecond, err = FromServer(conn, size, total)
		return err
	})
	if err != nil {
		return r, err
	}
	return r, withConn(dial, func(conn net.Conn) error {
		trip, err := RoundTrips(conn, 64, trips)
		r.RequestsPerSecond = 1 / trip.Seconds()
		return err
	})
}

func withConn(dial func() (net.Conn, error), fn func(net.Conn) error) error {
	conn, err := dial()
	if err != nil {
		return err
	}
	return errors.Join(fn(conn), conn.Close())
}
