package harness

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// exitInterrupted is the exit code of a shell command that SIGINT has ended.
const exitInterrupted = 128 + int(syscall.SIGINT)

// open are the stacks of this process that are not closed, by directory.
var open = struct {
	sync.Mutex
	stacks map[string]*Stack
}{stacks: map[string]*Stack{}}

func (s *Stack) opened() {
	open.Lock()
	defer open.Unlock()
	open.stacks[s.Dir] = s
}

func (s *Stack) closed() {
	open.Lock()
	defer open.Unlock()
	delete(open.stacks, s.Dir)
}

// EndOnInterrupt has SIGINT and SIGTERM end this process and all that its open
// stacks have started, as a test process has nobody who would close them. It is
// for TestMain.
func EndOnInterrupt() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		abandon()
		os.Exit(exitInterrupted)
	}()
}

// abandon ends what the open stacks have started, in no order: the stacks are
// in use. No other stack can be opened meanwhile, or later.
func abandon() {
	open.Lock() // for good
	for dir, s := range open.stacks {
		for len(processes(dir)) > 0 || len(mounts(dir)) > 0 {
			_ = reap(dir) // it reports what it ends
		}
		_ = s.host.clear()
		_ = os.RemoveAll(dir)
	}
}
