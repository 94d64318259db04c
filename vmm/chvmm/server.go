package chvmm

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/sirupsen/logrus"
)

// flushBound is how long an ending VMM waits for answers under way to be
// read, that of vmm.shutdown among them.
const flushBound = 2 * time.Second

// Serve answers API requests on l until v is done or ctx is, and returns when
// the last answer is sent. It closes l.
func Serve(ctx context.Context, l net.Listener, v *VMM, log logrus.FieldLogger) error {
	server := &http.Server{
		Handler:           Handler(v),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       10 * time.Second,
		// A client that does not read its answer holds up all others.
		WriteTimeout:   opBound + 30*time.Second,
		MaxHeaderBytes: 8 << 10,
		BaseContext:    func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	select {
	case <-ctx.Done():
	case <-v.Done():
	case err := <-served:
		return err
	}
	flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushBound)
	defer cancel()
	if err := server.Shutdown(flush); err != nil {
		log.WithError(err).Info("connections closed with requests under way")
		_ = server.Close()
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
