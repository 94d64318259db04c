package doctor

import (
	"testing"

	"github.com/cardplane/cardplane/openapi/hostapi"
)

func TestNetworks(t *testing.T) {
	fine := func() *hostapi.Capability { return nil }
	lack := func() *hostapi.Capability { return &hostapi.Capability{Reason: "it is not there", Remedy: "get it"} }
	for _, c := range checkNetworks(Config{Networks: fine, Outbound: fine}) {
		if c.Status != hostapi.Ok || c.Remedy != "" {
			t.Errorf("%+v", c)
		}
	}
	for _, c := range checkNetworks(Config{Networks: lack, Outbound: lack}) {
		if c.Status != hostapi.Warn || c.Detail != "it is not there" || c.Remedy != "get it" {
			t.Errorf("%+v", c)
		}
	}
	if checks := checkNetworks(Config{}); len(checks) != 0 {
		t.Errorf("%+v", checks)
	}
}
