package image

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/cardplane/cardplane/cardplane"
)

// progressLog collects what an operation reports.
type progressLog struct {
	mu   sync.Mutex
	last map[cardplane.ImageProgress]cardplane.ImageProgress // by step and subject
	seen chan struct{}                                       // closed with the first report
	once sync.Once
}

func newProgressLog() *progressLog {
	return &progressLog{last: make(map[cardplane.ImageProgress]cardplane.ImageProgress), seen: make(chan struct{})}
}

func (l *progressLog) put(p cardplane.ImageProgress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last[cardplane.ImageProgress{Step: p.Step, Subject: p.Subject}] = p
	l.once.Do(func() { close(l.seen) })
}

// steps returns how many steps of each kind there were, and checks that all
// have come to their end.
func (l *progressLog) steps(t testing.TB) map[cardplane.ImageStep]int {
	t.Helper()
	counts := make(map[cardplane.ImageStep]int)
	for _, p := range l.last {
		counts[p.Step]++
		if p.Current != p.Total {
			t.Errorf("%s of %s ended at %d of %d bytes", p.Step, p.Subject, p.Current, p.Total)
		}
	}
	return counts
}

func TestPullProgress(t *testing.T) {
	r, s := newRegistry(t), openStore(t)
	base := packTar(t, "base", strings.Repeat("some content ", 100_000))
	first := r.push("x:1", newImage(t, base))
	second := r.push("x:2", newImage(t, base, packTar(t, "more", "2")))
	for _, tt := range []struct {
		ref           string
		cached, fetch int
	}{{first, 0, 2}, {second, 1, 2}} {
		log := newProgressLog()
		if _, err := s.Pull(context.Background(), tt.ref, cardplane.PullOptions{Progress: log.put}); err != nil {
			t.Fatal(err)
		}
		got := log.steps(t)
		if got[cardplane.StepCached] != tt.cached || got[cardplane.StepFetch] != tt.fetch || got[cardplane.StepVerify] != 1 || got[cardplane.StepBuild] != 1 {
			t.Errorf("%s: %v", tt.ref, got)
		}
	}
}

// TestPullProgressBlocked has a listener that never returns: the pull ends for
// all others.
func TestPullProgressBlocked(t *testing.T) {
	r, s := newRegistry(t), openStore(t)
	ref := r.push("app", newImage(t, packTar(t, "a", "1")))
	release, stuck := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		_, err := s.Pull(context.Background(), ref, cardplane.PullOptions{Progress: func(cardplane.ImageProgress) {
			select {
			case stuck <- struct{}{}:
			case <-release:
			}
			<-release
		}})
		done <- err
	}()
	<-stuck
	if _, err := pull(s, ref); err != nil {
		t.Error(err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
}
