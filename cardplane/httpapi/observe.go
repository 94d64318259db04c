package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/sirupsen/logrus"
)

// observe logs every request at debug level and turns a panic into an
// internal error.
func (s *server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		watched := &responseWatcher{ResponseWriter: w, conn: http.NewResponseController(w), stall: s.limits.stall}
		watched.extend()
		defer watched.extend() // for what net/http still has to send
		defer func() {
			s.log.WithFields(logrus.Fields{
				"method": r.Method, "path": r.URL.Path, "status": watched.status, "bytes": watched.bytes,
				"milliseconds": time.Since(begun).Milliseconds(),
			}).Debug("request")
		}()
		defer s.recovered(watched, r)
		next.ServeHTTP(watched, r)
	})
}

// recovered ends a panic, unless it is the one that net/http has for breaking
// off a response.
func (s *server) recovered(w http.ResponseWriter, r *http.Request) {
	cause := recover()
	if cause == nil {
		return
	}
	if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(http.ErrAbortHandler)
	}
	s.fail(w, r, panicError(cause))
}

// panicError describes a recovered panic for the log.
func panicError(cause any) error {
	return fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
}

// responseWatcher notes what is sent, and breaks off when the client does not
// take it. http.ResponseController and the WebSocket library reach the
// connection through Unwrap.
type responseWatcher struct {
	http.ResponseWriter
	conn   *http.ResponseController
	stall  time.Duration
	status int
	bytes  int64
}

// extend sets the time by which the client has to take what is sent next.
func (w *responseWatcher) extend() {
	// Only a test's recorder has no deadline to set.
	_ = w.conn.SetWriteDeadline(time.Now().Add(w.stall))
}

func (w *responseWatcher) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.extend()
	w.ResponseWriter.WriteHeader(status)
}

func (w *responseWatcher) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	w.extend()
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

func (w *responseWatcher) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// started reports whether a response is under way.
func started(w http.ResponseWriter) bool {
	watched, ok := w.(*responseWatcher)
	return ok && watched.status != 0
}
