package httpclient_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// A stream of progress without a last line, or with nonsense, is a lost
// connection and never a pulled image.
func TestPullProgressCutShort(t *testing.T) {
	for name, body := range map[string]string{
		"empty":       "",
		"no end":      `{"step":"fetch","subject":"x","currentBytes":1,"totalBytes":2}` + "\n",
		"cut in line": `{"images":[]`,
		"nonsense":    "nonsense\n",
	} {
		t.Run(name, func(t *testing.T) {
			client := newClient(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })))
			_, err := client.Images().Pull(t.Context(), "x", cardplane.PullOptions{Progress: func(cardplane.ImageProgress) {}})
			if !apierr.Is(err, "connection_lost") {
				t.Errorf("got %v", err)
			}
		})
	}
}
