package cardplane

import "testing"

func TestTransitions(t *testing.T) {
	all := []State{Created, Starting, Running, Paused, Stopping, Exited, Failed, Restarting}
	for _, from := range all {
		if len(transitions[from]) == 0 {
			t.Errorf("%s is a dead end", from)
		}
		if from.Active() && from.Ended() {
			t.Errorf("%s is both active and ended", from)
		}
		for _, to := range all {
			if from.CanBecome(to) && to == Created {
				t.Errorf("%s may become created again", from)
			}
		}
	}
	if Exited.CanBecome(Running) || !Exited.CanBecome(Starting) {
		t.Error("a new run must begin at starting")
	}
}
