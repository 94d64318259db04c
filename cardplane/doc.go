// Package cardplane is the domain of the control plane on the offload card:
// the types that every other package of the card speaks in, and the service
// interfaces that they implement or use. It depends on nothing but the
// standard library and the OCI specifications' types.
//
// # Vocabulary
//
// A Container is an OCI container that the user asked for: a specification,
// a state and, once it has ended, an exit code. A Sandbox is a virtual
// machine that several containers run in; a container that names none has a
// machine of its own in every run. An Image is an OCI image whose layers are on the card and
// whose file system is one EROFS block file. An Exec is a further process in
// a running container.
//
// # Layers
//
// The services are implemented by packages container, image and event over
// the packages sandbox (virtual machines), store (durable state) and logs
// (output journal). Package httpapi serves the services as the REST API of
// openapi/cardplane.yaml, and package httpclient implements the same
// interfaces over that API, so that a remote control plane is just one more
// implementation.
package cardplane
