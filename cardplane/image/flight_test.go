package image

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/cardplane/cardplane/cardplane"
)

// gate holds every blob until it is opened.
func gate(r *testRegistry) (open func()) {
	opened := make(chan struct{})
	r.intercept(func(w http.ResponseWriter, req *http.Request) bool {
		if isBlobGet(req) {
			select {
			case <-opened:
			case <-req.Context().Done():
			}
		}
		return false
	})
	return sync.OnceFunc(func() { close(opened) })
}

// waitFor waits until n callers share the only pull under way.
func waitFor(s *Store, n int) {
	for {
		s.flights.mu.Lock()
		for key, f := range s.flights.calls {
			if strings.HasPrefix(key, "pull:") && f.waiters == n {
				s.flights.mu.Unlock()
				return
			}
		}
		s.flights.mu.Unlock()
		runtime.Gosched()
	}
}

func TestPullTogether(t *testing.T) {
	r, s := newRegistry(t), openStore(t)
	ref := r.push("app", newImage(t, packTar(t, "a", "1"), packTar(t, "b", "2")))
	open := gate(r)
	defer open()
	const callers = 10
	ctx, giveUp := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	logs := make([]*progressLog, callers)
	for n := range callers {
		logs[n] = newProgressLog()
		wg.Go(func() {
			ctx, impatient := ctx, n == 0 // the first of all gives up
			if !impatient {
				ctx = context.Background()
			}
			_, err := s.Pull(ctx, ref, cardplane.PullOptions{Progress: logs[n].put})
			if impatient && !errors.Is(err, context.Canceled) || !impatient && err != nil {
				t.Errorf("caller %d: %v", n, err)
			}
		})
	}
	waitFor(s, callers)
	for _, log := range logs {
		<-log.seen
	}
	giveUp()
	waitFor(s, callers-1)
	open()
	wg.Wait()
	if n := r.blobs.Load(); n != 3 {
		t.Errorf("%d blobs fetched by %d callers, want 3", n, callers)
	}
	for _, log := range logs[1:] {
		if got := log.steps(t); got[cardplane.StepFetch] != 3 || got[cardplane.StepBuild] != 1 {
			t.Errorf("progress of %v", got)
		}
	}
}

func TestPullOutlivesOneCaller(t *testing.T) {
	r, s := newRegistry(t), openStore(t)
	ref := r.push("app", newImage(t, packTar(t, "a", "1")))
	open := gate(r)
	defer open()
	ctx, cancel := context.WithCancel(context.Background())
	impatient, patient := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := s.Pull(ctx, ref, cardplane.PullOptions{})
		impatient <- err
	}()
	waitFor(s, 1)
	go func() { _, err := pull(s, ref); patient <- err }()
	waitFor(s, 2)
	cancel()
	if err := <-impatient; !errors.Is(err, context.Canceled) {
		t.Errorf("the one who left: %v", err)
	}
	open()
	if err := <-patient; err != nil {
		t.Errorf("the one who stayed: %v", err)
	}
}

func TestPullStopsWithLastCaller(t *testing.T) {
	r, s := newRegistry(t), openStore(t)
	ref := r.push("app", newImage(t, packTar(t, "a", "1")))
	open := gate(r)
	defer open()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		_, err := s.Pull(ctx, ref, cardplane.PullOptions{})
		done <- err
	}()
	waitFor(s, 1)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	wantEmpty(t, s)
}

func TestCloseStopsPull(t *testing.T) {
	r, s := newRegistry(t), openStore(t)
	ref := r.push("app", newImage(t, packTar(t, "a", "1")))
	open := gate(r)
	defer open()
	done := make(chan error, 1)
	go func() { _, err := pull(s, ref); done <- err }()
	waitFor(s, 1)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; !errors.Is(err, errClosed) && !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	wantEmpty(t, s)
}
