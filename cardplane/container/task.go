package container

// task is something that a run does in the guest beside its main loop, and
// finishes although nobody waits for it any more.
type task struct {
	done chan struct{}
	err  error // set before done is closed
}

// aside has the run do f. e.mu is held, and the run is not over.
func (r *run) aside(f func() error) *task {
	t := &task{done: make(chan struct{})}
	r.helpers.Go(func() {
		t.err = f()
		close(t.done)
	})
	return t
}

// finished is a task that there was nothing to do for.
func finished() *task {
	t := &task{done: make(chan struct{})}
	close(t.done)
	return t
}
