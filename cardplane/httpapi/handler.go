// Package httpapi serves the services of package cardplane as the REST API
// that openapi/cardplane.yaml describes.
//
// A request passes through these layers, outermost first: access log and panic
// recovery, routing with problem documents for unknown routes, validation
// against the document, then a generated server that decodes the request and
// calls one method here. Every error, wherever it arises, becomes a problem
// document in [server.fail] and nowhere else.
//
// Streams end when the request's context does. The owner of the http.Server
// has to cancel its BaseContext before Shutdown, since Shutdown does not wait
// for WebSockets and waits for ever for logs and events that are followed.
package httpapi

import (
	"net/http"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi"
	"github.com/cardplane/cardplane/openapi/cardapi"
	"github.com/cardplane/cardplane/openapi/validate"
)

// Bounds of requests and the rhythm of streams.
const (
	maxBody         = 1 << 20          // bytes of a JSON body
	bodyTimeout     = 30 * time.Second // for a JSON body to arrive
	uploadIdle      = 5 * time.Minute  // between two reads of an image that is loaded
	heartbeatPeriod = 15 * time.Second // between comments on a silent event stream
	pingPeriod      = 30 * time.Second // between pings on a WebSocket
)

// Services are what the API is served from. All are required.
type Services struct {
	Containers cardplane.ContainerService
	Images     cardplane.ImageService
	Events     cardplane.EventService
	System     cardplane.SystemService
}

// server implements cardapi.StrictServerInterface.
type server struct {
	Services
	log       logrus.FieldLogger
	heartbeat time.Duration
	ping      time.Duration
}

var _ cardapi.StrictServerInterface = (*server)(nil)

// New returns the handler of the whole API. Errors that are no fault of the
// caller are logged to log, and every request at debug level.
func New(services Services, log logrus.FieldLogger) http.Handler {
	s := &server{Services: services, log: log, heartbeat: heartbeatPeriod, ping: pingPeriod}
	return s.handler()
}

// handler builds the layers. It panics when the embedded document and the
// generated code do not fit each other, which is a fault of the build.
func (s *server) handler() http.Handler {
	document, err := validate.Parse(openapi.Cardplane)
	if err != nil {
		panic(err)
	}
	routes := &router{mux: http.NewServeMux(), document: document, fail: s.fail}
	generated := cardapi.NewStrictHandlerWithOptions(s, nil, cardapi.StrictHTTPServerOptions{
		RequestErrorHandlerFunc:  s.failDecoding,
		ResponseErrorHandlerFunc: s.fail,
	})
	cardapi.HandlerWithOptions(generated, cardapi.StdHTTPServerOptions{
		BaseRouter:       routes,
		ErrorHandlerFunc: s.failDecoding,
	})
	routes.HandleFunc("GET /v1/containers/{container}/attach", s.attachContainer)
	routes.HandleFunc("GET /v1/containers/{container}/execs/{exec}/attach", s.attachExec)
	return s.observe(routes)
}
