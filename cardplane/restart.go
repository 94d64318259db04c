package cardplane

// RestartMode says when a container is started again after its end.
type RestartMode string

// The restart modes, which are Docker's.
const (
	// RestartNever leaves it as it is. It is the default, and also "".
	RestartNever RestartMode = "no"
	// RestartOnFailure starts it again after an exit code other than 0, and
	// after the loss of its virtual machine.
	RestartOnFailure RestartMode = "on-failure"
	// RestartAlways starts it again, unless it was stopped; then at the next
	// start of the control plane.
	RestartAlways RestartMode = "always"
	// RestartUnlessStopped starts it again, unless it was stopped.
	RestartUnlessStopped RestartMode = "unless-stopped"
)

// RestartPolicy says whether a container is started again after its end.
type RestartPolicy struct {
	Mode RestartMode
	// MaxRetries bounds how often RestartOnFailure starts it again; 0 means
	// that nothing does.
	MaxRetries int
}

// Never reports whether no end makes the container start again.
func (p RestartPolicy) Never() bool { return p.Mode == "" || p.Mode == RestartNever }

// AfterEnd reports whether a container that nobody has stopped is started
// again after an end, having been count times before.
func (p RestartPolicy) AfterEnd(failed bool, count int) bool {
	switch p.Mode {
	case RestartOnFailure:
		return failed && (p.MaxRetries == 0 || count < p.MaxRetries)
	case RestartAlways, RestartUnlessStopped:
		return true
	}
	return false
}

// AtOpen reports whether a container that has ended is started again when the
// control plane starts.
func (p RestartPolicy) AtOpen(stopped bool) bool {
	return p.Mode == RestartAlways || p.Mode == RestartUnlessStopped && !stopped
}
