package ocispec

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/cardplane/cardplane/cardplane"
)

// Rules returns the rules that a container's program of system calls is made of.
func Rules(s cardplane.Security, kernel string) (*specs.LinuxSeccomp, error) {
	bounding, err := boundingSet(s)
	if err != nil {
		return nil, err
	}
	return filter(s, kernel, bounding)
}
