package httpclient

import (
	"context"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/openapi/cardapi"
	sdk "github.com/cardplane/cardplane/openapi/sdk/go"
)

// Logs returns a reader that lives as long as it is not closed; ctx is for the
// request alone.
func (c *containers) Logs(ctx context.Context, ref string, opts cardplane.LogOptions) (cardplane.LogReader, error) {
	params := &cardapi.GetLogsParams{Follow: &opts.Follow, Stdout: &opts.Stdout, Stderr: &opts.Stderr}
	if opts.Tail >= 0 {
		params.Tail = &opts.Tail
	}
	params.Since, params.Until = timeTo(opts.Since), timeTo(opts.Until)
	params.StdoutOffset, params.StderrOffset = pointerTo(opts.StdoutOffset), pointerTo(opts.StderrOffset)
	records, err := c.sdk.Logs(ctx, ref, params)
	if err != nil {
		return nil, err
	}
	return &logReader{records}, nil
}

type logReader struct {
	*sdk.Records[cardapi.LogRecord]
}

func (r *logReader) Next(ctx context.Context) (cardplane.LogRecord, error) {
	record, err := r.Records.Next(ctx)
	if err != nil {
		return cardplane.LogRecord{}, err
	}
	return apimodel.LogRecordFromAPI(record), nil
}
