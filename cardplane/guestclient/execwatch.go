package guestclient

import (
	"context"
	"encoding/json"
	"io"
	"net/http"

	"github.com/cardplane/cardplane/openapi/guestapi"
)

// ExecWatch tells how an exec goes on. It is for one goroutine.
type ExecWatch struct {
	cancel context.CancelFunc
	body   io.ReadCloser
	lines  *json.Decoder
}

// PutExec starts a further process and returns once it runs. It is idempotent.
// The watch ends with ctx; start bounds the start alone.
func (c *Client) PutExec(ctx, start context.Context, container, id string, config guestapi.ExecConfig) (*ExecWatch, error) {
	start, stop := context.WithTimeout(start, startTimeout)
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	unbind := context.AfterFunc(start, cancel)
	resp, err := c.api.PutExec(ctx, container, id, &guestapi.PutExecParams{CardplaneEpoch: c.epoch}, config)
	if err == nil && resp.StatusCode < http.StatusMultipleChoices && unbind() {
		return &ExecWatch{cancel: cancel, body: resp.Body, lines: json.NewDecoder(resp.Body)}, nil
	}
	defer cancel()
	if _, err := finish[struct{}](resp, err); err != nil {
		return nil, err
	}
	return nil, unreachable(start.Err())
}

// Next returns the exec as it is now, at first, and then as it has become. It
// returns io.EOF once the process has exited and its outputs have ended, and
// another error when the watch was cut: see [Client.WaitExec].
func (w *ExecWatch) Next() (guestapi.Exec, error) {
	var e guestapi.Exec
	if err := w.lines.Decode(&e); err != nil {
		return guestapi.Exec{}, err
	}
	return e, nil
}

// Close ends the watch.
func (w *ExecWatch) Close() {
	w.cancel()
	_ = w.body.Close()
}
