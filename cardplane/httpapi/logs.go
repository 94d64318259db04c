package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/openapi/cardapi"
)

func (s *server) GetLogs(ctx context.Context, r cardapi.GetLogsRequestObject) (cardapi.GetLogsResponseObject, error) {
	reader, err := s.Containers.Logs(ctx, r.Container, logOptions(r.Params))
	if err != nil {
		return nil, err
	}
	return logResponse{ctx: ctx, reader: reader, period: s.heartbeat}, nil
}

func logOptions(p cardapi.GetLogsParams) cardplane.LogOptions {
	opts := cardplane.LogOptions{Follow: value(p.Follow), Stdout: true, Stderr: true, Tail: -1, Since: value(p.Since)}
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

// logResponse streams a journal as NDJSON.
type logResponse struct {
	ctx    context.Context
	reader cardplane.LogReader
	period time.Duration
}

// VisitGetLogsResponse implements cardapi.GetLogsResponseObject.
func (l logResponse) VisitGetLogsResponse(w http.ResponseWriter) error {
	defer func() { _ = l.reader.Close() }()
	beginStream(w, "application/x-ndjson")
	return stream(l.ctx, w, l.next, l.period, nil)
}

func (l logResponse) next(ctx context.Context) ([]byte, error) {
	record, err := l.reader.Next(ctx)
	if err != nil {
		return nil, err
	}
	line, err := json.Marshal(apimodel.LogRecordToAPI(record))
	return append(line, '\n'), err
}
