// Command hostctl runs in the emulated compute host and executes shell
// commands that the other side of its vsock device sends. It exists for tests
// and is in no real host.
package main

import (
	"fmt"
	"os"

	"github.com/cardplane/cardplane/ci/computehost/control"
	"github.com/cardplane/cardplane/openapi/hostonly"
)

func main() {
	fmt.Fprintln(os.Stderr, "hostctl:", run())
	os.Exit(1)
}

// run serves for as long as it can.
func run() error {
	l, err := hostonly.Listen(control.Port)
	if err != nil {
		return err
	}
	return control.Serve(l, "/bin/sh")
}
