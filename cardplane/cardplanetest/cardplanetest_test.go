package cardplanetest_test

import (
	"bytes"
	"testing"

	"go.uber.org/goleak"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/cardplanetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The services in memory pass the suite themselves.
func TestMemoryConforms(t *testing.T) {
	cardplanetest.Conform(t, func(t *testing.T) cardplanetest.Harness {
		m := cardplanetest.NewMemory()
		t.Cleanup(m.Close)
		if _, err := m.Images().Load(t.Context(), bytes.NewReader(cardplanetest.Archive(cardplane.ImageConfig{}, "test:latest")), cardplane.LoadOptions{}); err != nil {
			t.Fatal(err)
		}
		return cardplanetest.Harness{Containers: m.Containers(), Images: m.Images(), Volumes: m.Volumes(), Networks: m.Networks(), Configs: m.Configs(), Secrets: m.Secrets(), Sandboxes: m.Sandboxes(), Events: m.Events(), System: m.System(), Image: "test"}
	})
}
