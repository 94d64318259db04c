package cardplane

// State is a container's place in its life.
//
//	created ──► starting ──► running ──► stopping ──► exited
//	   ▲            │           │            │           │
//	   │            ▼           ▼            ▼           │
//	   │          failed ◄──────┴────────────┘           │
//	   └── a new run begins at starting ◄── failed, exited
//
// A running container may be paused, and goes wherever it could have gone.
//
// Where the restart policy says so, restarting takes the place of exited and
// failed until the next run begins at starting.
//
// Starting and stopping are transient and carry a reason. A container is
// removed from created, exited or failed only.
type State string

// The states of a container.
const (
	// Created: recorded, never run.
	Created State = "created"
	// Starting: its sandbox is being made.
	Starting State = "starting"
	// Running: its program runs.
	Running State = "running"
	// Paused: its program runs, but all its processes are frozen.
	Paused State = "paused"
	// Stopping: its program was asked to end, or has ended and its last
	// output is being collected.
	Stopping State = "stopping"
	// Exited: its program has ended and its exit code is known.
	Exited State = "exited"
	// Failed: it could not be started, or its virtual machine was lost.
	Failed State = "failed"
	// Restarting: its last run is over and its restart policy starts it again
	// before long.
	Restarting State = "restarting"
)

// transitions is the whole state machine.
var transitions = map[State][]State{
	Created:  {Starting},
	Starting: {Running, Stopping, Exited, Failed, Restarting},
	Running:  {Paused, Stopping, Exited, Failed, Restarting},
	Paused:   {Running, Stopping, Exited, Failed, Restarting},
	Stopping: {Exited, Failed, Restarting},
	// The policy of a container that has ended counts again when the control
	// plane starts.
	Exited:     {Starting, Restarting},
	Failed:     {Starting, Restarting},
	Restarting: {Starting, Exited, Failed},
}

// CanBecome reports whether a container may go from s to next.
func (s State) CanBecome(next State) bool {
	for _, to := range transitions[s] {
		if to == next {
			return true
		}
	}
	return false
}

// Active reports whether a container in s has, or may have, a sandbox.
func (s State) Active() bool {
	return s == Starting || s == Running || s == Paused || s == Stopping
}

// Ended reports whether a run is over in s.
func (s State) Ended() bool {
	return s == Exited || s == Failed
}
