package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/cardplane/cardplane/openapi/cardapi"
	"github.com/cardplane/cardplane/openapi/cardwire"
)

// Follow makes a call that is answered with a stream of progress, that is with
// progress=true, tells report of each line and returns the images of the last.
func (c *Client) Follow(ctx context.Context, report func(cardapi.ImageProgress), call func(context.Context) (*http.Response, error)) ([]cardapi.Image, error) {
	lines, err := c.Stream(ctx, call)
	if err != nil {
		return nil, err
	}
	defer func() { _ = lines.Close() }()
	for {
		line, err := lines.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil, c.lost(err)
		}
		if err != nil {
			return nil, err
		}
		var p cardapi.ImageProgress
		switch err := json.Unmarshal(line, &p); {
		case err != nil:
			return nil, c.lost(err)
		case p.Error != nil:
			return nil, cardwire.Error(*p.Error)
		case p.Images != nil:
			return *p.Images, nil
		}
		report(p)
	}
}
