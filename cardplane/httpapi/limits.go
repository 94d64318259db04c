package httpapi

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/validate"
)

// maxBody bounds a JSON body, in bytes.
const maxBody = 1 << 20

// limits bound what a client can take of the server. The document names them.
type limits struct {
	// brief is how many requests that end by themselves are served at once,
	// lasting how many of all others.
	brief, lasting int
	// body is how long a JSON body may take to arrive.
	body time.Duration
	// uploadIdle is how long any other body may pause. Over all, it has to
	// come with uploadRate bytes a second once it has lasted for uploadIdle.
	uploadIdle time.Duration
	uploadRate int64
	// stall is how long a client may take nothing of its answer.
	stall time.Duration
}

var defaultLimits = limits{
	brief: 128, lasting: 1024,
	body: 30 * time.Second, uploadIdle: 5 * time.Minute, uploadRate: 1 << 10,
	stall: 10 * time.Minute,
}

// briefOperations end by themselves, and soon. They have slots of their own,
// so that a server full of streams can still be looked at and tidied up. What
// is missing here counts as a stream.
var briefOperations = map[string]bool{
	"getOpenAPI": true, "getVersion": true, "getDoctor": true, "getDiskUsage": true,
	"listImages": true, "getImage": true, "getImageHistory": true, "tagImage": true, "untagImage": true, "deleteImage": true,
	"listVolumes": true, "getVolume": true, "updateVolume": true, "deleteVolume": true, "attachVolume": true, "detachVolume": true,
	"listConfigs": true, "createConfig": true, "getConfig": true, "updateConfig": true, "deleteConfig": true,
	"listSecrets": true, "createSecret": true, "getSecret": true, "updateSecret": true, "deleteSecret": true,
	"listSandboxes": true, "createSandbox": true, "getSandbox": true,
	"listNetworks": true, "createNetwork": true, "getNetwork": true, "deleteNetwork": true, "connectContainer": true, "disconnectContainer": true,
	"listContainers": true, "createContainer": true, "getContainer": true, "renameContainer": true,
	"updateContainer": true, "deleteContainer": true, "pauseContainer": true, "unpauseContainer": true,
	"killContainer": true, "resizeContainer": true, "getProcesses": true, "statPath": true,
	"listExecs": true, "getExec": true, "resizeExec": true,
}

// slots are taken by requests while they are served.
type slots chan struct{}

// take takes a slot, or fails with too_many_requests.
func (s slots) take() (free func(), err error) {
	select {
	case s <- struct{}{}:
		return func() { <-s }, nil
	default:
		return nil, apierr.New(apierr.Unavailable, "too_many_requests", "%d requests of this kind are being served already; try again in a second", cap(s))
	}
}

// retryAfter is what a client is told that finds no slot, in seconds.
const retryAfter = 1

// admit takes a slot for a request of operation, and answers if there is none.
func (rt *router) admit(operation *validate.Operation, w http.ResponseWriter, r *http.Request) (free func(), ok bool) {
	pool := rt.lasting
	if briefOperations[operation.ID] {
		pool = rt.brief
	}
	free, err := pool.take()
	if err != nil {
		w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
		rt.fail(w, r, err)
		return nil, false
	}
	return free, true
}

// check validates r, for which its body has to arrive in time. The deadline
// stays for a body that is left over, which net/http reads before it answers.
func (rt *router) check(operation *validate.Operation, w http.ResponseWriter, r *http.Request) error {
	conn := http.NewResponseController(w)
	if operation.RawBody() {
		body := &upload{ReadCloser: r.Body, conn: conn, limits: rt.limits, begun: time.Now()}
		body.extend()
		r.Body = body
		if err := operation.Check(r, maxBody); err != nil {
			_ = conn.SetReadDeadline(time.Now().Add(rt.limits.body))
			return err
		}
		return nil
	}
	// Only a test's recorder has no deadline to set.
	_ = conn.SetReadDeadline(time.Now().Add(rt.limits.body))
	if err := operation.Check(r, maxBody); err != nil {
		return err
	}
	_ = conn.SetReadDeadline(time.Time{})
	return nil
}

// upload is a body of any length, which has to keep coming.
type upload struct {
	io.ReadCloser
	conn   *http.ResponseController
	limits limits
	begun  time.Time
	got    int64
}

// extend sets the time by which the next bytes have to be there.
func (u *upload) extend() {
	earned := time.Duration(u.got/u.limits.uploadRate) * time.Second
	deadline := time.Now().Add(u.limits.uploadIdle)
	if slow := u.begun.Add(u.limits.uploadIdle + earned); slow.Before(deadline) {
		deadline = slow
	}
	// Only a test's recorder has no deadline to set.
	_ = u.conn.SetReadDeadline(deadline)
}

func (u *upload) Read(p []byte) (int, error) {
	u.extend()
	n, err := u.ReadCloser.Read(p)
	u.got += int64(n)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = apierr.New(apierr.InvalidArgument, "request_timeout", "the request body did not arrive in time; send it without pauses: %w", err)
	case err != nil:
		// What is left of the request may take as long as it likes.
		_ = u.conn.SetReadDeadline(time.Time{})
	}
	return n, err
}
