package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/ci/harness"
	"github.com/cardplane/cardplane/ci/streambench"
	"github.com/cardplane/cardplane/vmm/vsock"
)

const (
	// logBytes is past any buffer, and less than a log keeps.
	logBytes = 64 << 20
	// logRounds is how often both the device and a log are timed, in turn.
	logRounds = 3
	// rawFrame is the frame with which the device is measured, in bytes, about
	// what the agent sends.
	rawFrame = 32 << 10
	// execsTimed and execsAtOnce are execs one after another, and beside each other.
	execsTimed, execsAtOnce = 200, 50
	// followers of one log are held.
	followers = 100
	// eventRounds is how many containers are created and removed for events,
	// and eventReads how often all that are kept are read after that.
	eventRounds, eventReads = 100, 20
)

// streams measures what a client of the API gets out of a guest.
func streams(ctx context.Context, s *harness.Stack) error {
	for _, measure := range []func(context.Context, *harness.Stack) error{logThroughput, logRotation, eventThroughput, keptEvents, manyExecs, manyFollowers} {
		if err := measure(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// logThroughput compares output on its whole way, from the program over the
// journal to a client that follows the log, with the bare vsock device.
func logThroughput(ctx context.Context, s *harness.Stack) error {
	var raw, logged sample // for a MB
	for range logRounds {
		device, err := rawThroughput(ctx, s)
		if err != nil {
			return err
		}
		log, err := withContainer(ctx, s, probe(fmt.Sprint("write ", logBytes)), func(id string) (float64, error) { return followLog(ctx, s, id) })
		if err != nil {
			return err
		}
		raw, logged = append(raw, perMB(device)), append(logged, perMB(log))
	}
	fmt.Printf("vsock device alone           %.0f MB/s\n", 1/raw.median().Seconds())
	fmt.Printf("program → journal → client   %.0f MB/s\n", 1/logged.median().Seconds())
	fmt.Printf("  ratio                      %v\n", paired(raw, logged))
	return nil
}

// perMB returns the time that a MB takes at rate bytes a second.
func perMB(rate float64) time.Duration { return time.Duration(1e6 / rate * float64(time.Second)) }

// rawThroughput returns the bytes a second that the device alone takes out of
// a guest.
func rawThroughput(ctx context.Context, s *harness.Stack) (float64, error) {
	l, err := s.Link()
	if err != nil {
		return 0, err
	}
	defer l.Close()
	spec := probe(fmt.Sprint("vsock ", vsockPort))
	spec.Security.Seccomp = cardplane.SeccompUnconfined // Docker's profile has no AF_VSOCK
	return withContainer(ctx, s, spec, func(string) (rate float64, err error) {
		vm, err := onlyVM(ctx, l)
		if err != nil {
			return 0, err
		}
		var conn net.Conn
		if conn, err = vsock.DialRetry(ctx, tunnel(l, vm), vsockPort); err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, conn.Close()) }()
		return streambench.FromServer(conn, rawFrame, vsockBytes)
	})
}

// followLog reads a log to its end and returns the bytes a second after the
// first of them.
func followLog(ctx context.Context, s *harness.Stack, id string) (float64, error) {
	r, err := s.Client.Containers().Logs(ctx, id, cardplane.LogOptions{Follow: true, Stdout: true, Tail: -1})
	if err != nil {
		return 0, err
	}
	defer func() { _ = r.Close() }()
	var begun time.Time
	first, total := 0, 0
	for {
		rec, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, err
		}
		total += len(rec.Data)
		if begun.IsZero() {
			begun, first = time.Now(), total
		}
	}
	if total != logBytes {
		return 0, fmt.Errorf("the log has %d bytes, want %d", total, logBytes)
	}
	return float64(total-first) / time.Since(begun).Seconds(), nil
}

// eventThroughput counts the events that a follower gets while containers are
// created and removed as fast as that goes.
func eventThroughput(ctx context.Context, s *harness.Stack) error {
	containers := s.Client.Containers()
	r, err := s.Client.Events().Events(ctx, cardplane.EventOptions{Since: -1, Follow: true})
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	begun := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		for range eventRounds {
			c, err := containers.Create(ctx, cardplane.ContainerSpec{Image: "demo/probe", Command: []string{"/probe"}}, "")
			if err != nil {
				return err
			}
			if err := containers.Remove(ctx, c.ID, false, ""); err != nil {
				return err
			}
		}
		return nil
	})
	bytes := 0
	for range 2 * eventRounds {
		e, err := r.Next(ctx)
		if err != nil {
			return errors.Join(err, group.Wait())
		}
		bytes += eventBytes(e)
	}
	took := time.Since(begun).Seconds()
	fmt.Printf("events to a follower         %.0f a second, %.3f MB/s, two for each container created and removed\n", 2*eventRounds/took, float64(bytes)/took/1e6)
	return group.Wait()
}

// keptEvents reads all events that are kept, again and again, as a client does
// that was away, and compares that with the bare vsock device.
func keptEvents(ctx context.Context, s *harness.Stack) error {
	device, err := rawThroughput(ctx, s)
	if err != nil {
		return err
	}
	begun, bytes := time.Now(), 0
	for range eventReads {
		n, err := readEvents(ctx, s)
		if err != nil {
			return err
		}
		bytes += n
	}
	rate := float64(bytes) / time.Since(begun).Seconds()
	fmt.Printf("kept events to a client      %.2f MB/s, %.4f of the vsock device alone\n", rate/1e6, rate/device)
	return nil
}

// readEvents reads the events that are kept and returns the bytes of their JSON.
func readEvents(ctx context.Context, s *harness.Stack) (bytes int, err error) {
	r, err := s.Client.Events().Events(ctx, cardplane.EventOptions{})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for {
		e, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			return bytes, nil
		}
		if err != nil {
			return bytes, err
		}
		bytes += eventBytes(e)
	}
}

// eventBytes is how long an event is on its way.
func eventBytes(e cardplane.Event) int {
	data, _ := json.Marshal(apimodel.EventToAPI(e)) // it has nothing that cannot be
	return len(data)
}

// manyExecs runs execs one after another, and many at once.
func manyExecs(ctx context.Context, s *harness.Stack) error {
	_, err := withContainer(ctx, s, probe("forever"), func(id string) (struct{}, error) {
		var times sample
		for range execsTimed + 1 {
			begun := time.Now()
			if err := execTrue(ctx, s, id); err != nil {
				return struct{}{}, err
			}
			times = append(times, time.Since(begun))
		}
		times = times[1:] // the first warms the guest's caches
		fmt.Printf("exec round trip              p50 %.1f ms, p99 %.1f ms, n=%d\n", times.percentile(50), times.percentile(99), len(times))
		group, limited := errgroup.WithContext(ctx)
		begun := time.Now()
		for range execsAtOnce {
			group.Go(func() error { return execTrue(limited, s, id) })
		}
		if err := group.Wait(); err != nil {
			return struct{}{}, err
		}
		each := sample{time.Since(begun) / execsAtOnce}
		fmt.Printf("%d execs at once             %.1f ms each, %.2f of one alone\n", execsAtOnce, each.percentile(50), ratio(each, times))
		return struct{}{}, nil
	})
	return err
}

// manyFollowers prints what cardplaned takes with many clients that follow a
// silent log, beside as many stored containers as part api has.
func manyFollowers(ctx context.Context, s *harness.Stack) (err error) {
	var ids []string
	defer func() { err = errors.Join(err, removeAll(ctx, s, ids)) }()
	if ids, err = createMany(ctx, s, stored); err != nil {
		return err
	}
	_, err = withContainer(ctx, s, probe("forever"), func(id string) (struct{}, error) {
		before, err := residentMB(s.CardPID())
		if err != nil {
			return struct{}{}, err
		}
		for range followers {
			r, err := s.Client.Containers().Logs(ctx, id, cardplane.LogOptions{Follow: true, Stdout: true, Stderr: true, Tail: -1})
			if err != nil {
				return struct{}{}, err
			}
			defer func() { _ = r.Close() }()
			// The log's first record shows that it is followed.
			if _, err := r.Next(ctx); err != nil {
				return struct{}{}, err
			}
		}
		after, err := residentMB(s.CardPID())
		fmt.Printf("cardplaned resident          %.1f MB with %d stored containers, %.1f MB with %d followers beside: %.0f kB each\n",
			before, stored, after, followers, 1000*(after-before)/followers)
		return struct{}{}, err
	})
	return err
}

// createMany creates n containers, and returns those that there are with an
// error too.
func createMany(ctx context.Context, s *harness.Stack, n int) (ids []string, err error) {
	for range n {
		c, err := s.Client.Containers().Create(ctx, probe("forever"), "")
		if err != nil {
			return ids, err
		}
		ids = append(ids, c.ID)
	}
	return ids, nil
}

// removeAll removes containers although ctx has ended.
func removeAll(ctx context.Context, s *harness.Stack, ids []string) (err error) {
	for _, id := range ids {
		err = errors.Join(err, s.Client.Containers().Remove(context.WithoutCancel(ctx), id, true, ""))
	}
	return err
}
