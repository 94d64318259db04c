// Package sdk is the Go client of Cardplane's public API: the calls that are
// generated from openapi/cardplane.yaml (package cardapi), and by hand what a
// generator cannot know: how to reach a control plane, errors with a class and
// a code, streams, waiting, and running a program to its end.
//
//	card, err := sdk.New("unix:///run/cardplane/cardplane.sock")
//	…
//	code, err := card.Run(ctx, cardapi.ContainerSpec{Image: "debian"}, sdk.Streams{Stdout: os.Stdout})
//
// Every operation of the document can be called through [Client.API] and
// finished with [Decode], [Done], [Client.Open] or [Client.Stream]:
//
//	resp, err := card.API.StopContainer(ctx, "web", cardapi.ContainerStop{})
//	container, err := sdk.Decode[cardapi.Container](ctx, card, resp, err)
//
// # Ports
//
// [Client.DialPort] connects to what a program in a container listens on, and
// [Client.Proxy] serves the control plane's API to clients that cannot reach it
// themselves.
//
// # Errors
//
// Errors are *apierr.Error: Class says what can be done about one, Code is
// stable, Field is the JSON pointer of the field that is wrong. A control plane
// that cannot be reached, or that goes away in the middle of something, is an
// Unavailable error: control_plane_unreachable before the request was sent,
// connection_lost after. An error of the caller's context is returned as it is.
package sdk
