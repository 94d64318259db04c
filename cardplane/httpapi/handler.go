// Package httpapi serves the services of package cardplane as the REST API
// that openapi/cardplane.yaml describes.
//
// A request passes through these layers, outermost first: access log and panic
// recovery, routing with problem documents for unknown routes, limits, validation
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
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi"
	"github.com/cardplane/cardplane/openapi/cardapi"
	"github.com/cardplane/cardplane/openapi/validate"
)

// The rhythm of streams.
const (
	heartbeatPeriod = 15 * time.Second // between comments on a silent event stream
	pingPeriod      = 30 * time.Second // between pings on a WebSocket
)

// Services are what the API is served from. All are required.
type Services struct {
	Containers cardplane.ContainerService
	Images     cardplane.ImageService
	Volumes    cardplane.VolumeService
	Sandboxes  cardplane.SandboxService
	Networks   cardplane.NetworkService
	Configs    cardplane.ContentService
	Secrets    cardplane.ContentService
	Events     cardplane.EventService
	System     cardplane.SystemService
}

// server implements cardapi.StrictServerInterface.
type server struct {
	Services
	log       logrus.FieldLogger
	heartbeat time.Duration
	ping      time.Duration
	limits    limits
}

var _ cardapi.StrictServerInterface = (*server)(nil)

// New returns the handler of the whole API. Errors that are no fault of the
// caller are logged to log, and every request at debug level.
func New(services Services, log logrus.FieldLogger) http.Handler {
	s := &server{Services: services, log: log, heartbeat: heartbeatPeriod, ping: pingPeriod, limits: defaultLimits}
	return s.handler()
}

// publicDocument is the embedded document, which is read once: to compile it
// takes longer than all else that makes a handler.
var publicDocument = sync.OnceValues(func() (*validate.Document, error) { return validate.Parse(openapi.Cardplane) })

// handler builds the layers. It panics when the embedded document and the
// generated code do not fit each other, which is a fault of the build.
func (s *server) handler() http.Handler {
	document, err := publicDocument()
	if err != nil {
		panic(err)
	}
	routes := &router{
		mux: http.NewServeMux(), document: document, fail: s.fail,
		limits: s.limits, brief: make(slots, s.limits.brief), lasting: make(slots, s.limits.lasting),
	}
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
	routes.HandleFunc("GET /v1/containers/{container}/ports/{port}/connect", s.connectPort)
	return s.observe(routes)
}
