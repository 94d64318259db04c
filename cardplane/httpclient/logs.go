package httpclient

import (
	"context"
	"encoding/json"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/openapi/cardapi"
)

// Logs returns a reader that lives as long as it is not closed; ctx is for the
// request alone.
func (c *containers) Logs(ctx context.Context, ref string, opts cardplane.LogOptions) (cardplane.LogReader, error) {
	if err := refPath(ref); err != nil {
		return nil, err
	}
	params := &cardapi.GetLogsParams{Follow: &opts.Follow, Stdout: &opts.Stdout, Stderr: &opts.Stderr}
	if opts.Tail >= 0 {
		params.Tail = &opts.Tail
	}
	if !opts.Since.IsZero() {
		params.Since = &opts.Since
	}
	lines, err := c.stream(ctx, func(ctx context.Context) (response, error) { return c.api.GetLogs(ctx, ref, params) })
	if err != nil {
		return nil, err
	}
	return &logReader{lines}, nil
}

type logReader struct{ lines *lineReader }

func (r *logReader) Next(ctx context.Context) (cardplane.LogRecord, error) {
	line, err := r.lines.next(ctx)
	if err != nil {
		return cardplane.LogRecord{}, err
	}
	var record cardapi.LogRecord
	if err := json.Unmarshal(line, &record); err != nil {
		return cardplane.LogRecord{}, lost(r.lines.endpoint, err)
	}
	return apimodel.LogRecordFromAPI(record), nil
}

func (r *logReader) Close() error { return r.lines.Close() }
