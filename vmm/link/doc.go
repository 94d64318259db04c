// Package link is the card's side of the link to a compute host.
//
// A [Link] speaks the host API (openapi/host.yaml) to one vmmd: typed calls
// over the generated client, byte tunnels into a VM, and the three things
// that have to survive a cut of the connection: uploads, event streams and
// waits. A link that hangs is a cut too, once the host has been silent for
// too long (see [WithPulse]); [Link.Away] says so.
//
// Errors are *apierr.Error and keep the host's class and code. Codes of this
// package's own:
//
//	invalid_endpoint  the endpoint cannot be parsed
//	invalid_tls       the endpoint's certificates cannot be used
//	unreachable       the host cannot be reached
//	connection_lost   the connection broke while an answer was read
//	bad_response      what answers does not speak the host API
package link
