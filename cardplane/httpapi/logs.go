package httpapi

import (
	"context"
	"net/http"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/openapi/cardapi"
)

func (s *server) GetLogs(ctx context.Context, r cardapi.GetLogsRequestObject) (cardapi.GetLogsResponseObject, error) {
	reader, err := s.Containers.Logs(ctx, r.Container, logOptions(r.Params))
	if err != nil {
		return nil, err
	}
	return logResponse{lines[cardplane.LogRecord, cardapi.LogRecord]{ctx, reader, apimodel.LogRecordToAPI, s.heartbeat}}, nil
}

func logOptions(p cardapi.GetLogsParams) cardplane.LogOptions {
	opts := cardplane.LogOptions{Follow: value(p.Follow), Stdout: true, Stderr: true, Tail: -1, Since: value(p.Since), Until: value(p.Until)}
	opts.StdoutOffset, opts.StderrOffset = value(p.StdoutOffset), value(p.StderrOffset)
	if p.Stdout != nil {
		opts.Stdout = *p.Stdout
	}
	if p.Stderr != nil {
		opts.Stderr = *p.Stderr
	}
	if p.Tail != nil {
		opts.Tail = *p.Tail
	}
	return opts
}

// logResponse streams a journal.
type logResponse struct {
	lines[cardplane.LogRecord, cardapi.LogRecord]
}

// VisitGetLogsResponse implements cardapi.GetLogsResponseObject.
func (l logResponse) VisitGetLogsResponse(w http.ResponseWriter) error { return l.visit(w) }
