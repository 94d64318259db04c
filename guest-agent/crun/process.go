package crun

import (
	"github.com/cardplane/cardplane/guest-agent/container"
	"github.com/cardplane/cardplane/guest-agent/reap"
)

// process implements container.Process.
type process struct{ *reap.Child }

var _ container.Process = process{}

// Exit implements container.Process.
func (p process) Exit() container.Exit {
	s := p.Status()
	return container.Exit{Code: s.Code, Signal: s.Signal, At: s.At}
}
