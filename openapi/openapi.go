// Package openapi holds the four documents that describe every boundary of
// Cardplane. They are the source of truth: clients, servers and models in the
// subpackages are generated from them by `go generate ./openapi`, and
// `make check` fails when a generated file is stale.
//
//   - cardplane.yaml: the public API of cardplaned (package cardapi)
//   - host.yaml: the link between card and compute host (package hostapi)
//   - cloud-hypervisor.yaml: the part of Cloud Hypervisor's API that we drive,
//     with its true names, types and status codes (package chapi)
//   - guest-agent.yaml: HTTP over vsock into the guest (package guestapi)
package openapi

import _ "embed" // for the documents below

//go:generate go tool oapi-codegen -config chapi/oapi-codegen.yaml cloud-hypervisor.yaml
//go:generate go tool oapi-codegen -config hostapi/oapi-codegen.yaml host.yaml
//go:generate go tool oapi-codegen -config guestapi/oapi-codegen.yaml guest-agent.yaml
//go:generate go tool oapi-codegen -config cardapi/oapi-codegen.yaml cardplane.yaml

// Cardplane is the public API's document, served at GET /openapi.yaml.
//
//go:embed cardplane.yaml
var Cardplane []byte
