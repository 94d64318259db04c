package httpclient

import (
	"context"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/openapi/cardapi"
)

// system implements cardplane.SystemService.
type system struct{ *Client }

var _ cardplane.SystemService = (*system)(nil)

func (c *system) VersionInfo(ctx context.Context) (cardplane.VersionInfo, error) {
	resp, err := c.api.GetVersion(ctx)
	v, err := decode[cardapi.Version](ctx, c.Client, resp, err)
	if err != nil {
		return cardplane.VersionInfo{}, err
	}
	return apimodel.VersionFromAPI(v), nil
}

func (c *system) Doctor(ctx context.Context) ([]cardplane.Check, error) {
	resp, err := c.api.GetDoctor(ctx)
	report, err := decode[cardapi.DoctorReport](ctx, c.Client, resp, err)
	if err != nil {
		return nil, err
	}
	return apimodel.ChecksFromAPI(report), nil
}

func (c *system) DiskUsage(ctx context.Context) ([]cardplane.DiskUsage, error) {
	resp, err := c.api.GetDiskUsage(ctx)
	report, err := decode[cardapi.DiskUsageReport](ctx, c.Client, resp, err)
	if err != nil {
		return nil, err
	}
	return apimodel.UsageFromAPI(report), nil
}
