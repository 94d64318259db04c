package host_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/openapi/apierr"
)

// raw sends a request as it stands.
func (b *bed) raw(method, target, body string) (int, apierr.Problem) {
	b.Helper()
	client := http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
			return net.Dial("unix", strings.TrimPrefix(b.host.Endpoint, "unix://"))
		}},
	}
	req, err := http.NewRequest(method, "http://vmmd"+target, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		b.Fatal(err)
	}
	var p apierr.Problem
	_ = json.Unmarshal(data, &p)
	return resp.StatusCode, p
}

// Nothing that the card may send by mistake or malice gets out of the
// directories or around an error's form.
func TestHostileRequests(t *testing.T) {
	b := newBed(t)
	long := strings.Repeat("a", 65)
	const spec = `{"vmm":"auto","attachments":[],"labels":{},"memoryBytes":0}`
	digest := digestOf([]byte("x"))
	for name, tc := range map[string]struct {
		method, target, body, code string
	}{
		"slash in VM id":     {"PUT", "/v1/vms/a%2Fb", spec, "invalid_id"},
		"dots as VM id":      {"PUT", "/v1/vms/%2e%2e", spec, "invalid_id"},
		"long VM id":         {"PUT", "/v1/vms/" + long, spec, "invalid_id"},
		"zero in VM id":      {"PUT", "/v1/vms/a%00b", spec, "invalid_id"},
		"dots as disk id":    {"PUT", "/v1/disks/%2e%2e%2fx", `{"sizeBytes":4096}`, "invalid_id"},
		"dots in disk get":   {"GET", "/v1/disks/%2e%2e%2fx", "", "invalid_id"},
		"dots in disk del":   {"DELETE", "/v1/disks/%2e%2e%2f%2e%2e", "", "invalid_id"},
		"odd disk size":      {"PUT", "/v1/disks/d", `{"sizeBytes":4097}`, "invalid_disk_size"},
		"no disk size":       {"PUT", "/v1/disks/d", `{}`, "invalid_disk_size"},
		"absurd disk size":   {"PUT", "/v1/disks/d", `{"sizeBytes":9223372036854771712}`, "invalid_disk_size"},
		"disk size text":     {"PUT", "/v1/disks/d", `{"sizeBytes":"big"}`, "bad_request"},
		"path as digest":     {"GET", "/v1/blobs/sha256:%2e%2e%2fx", "", "invalid_digest"},
		"short digest":       {"DELETE", "/v1/blobs/sha256:ab", "", "invalid_digest"},
		"capital digest":     {"GET", "/v1/blobs/" + strings.ToUpper(digest), "", "invalid_digest"},
		"no offset":          {"PUT", "/v1/blobs/" + digest + "?size=1", "x", "bad_request"},
		"negative offset":    {"PUT", "/v1/blobs/" + digest + "?offset=-1&size=1", "x", "offset_mismatch"},
		"zero size":          {"PUT", "/v1/blobs/" + digest + "?offset=0&size=0", "", "invalid_blob_size"},
		"absurd size":        {"PUT", "/v1/blobs/" + digest + "?offset=0&size=9223372036854775807", "", "invalid_blob_size"},
		"too long body":      {"PUT", "/v1/blobs/" + digest + "?offset=0&size=1", "xy", "body_too_long"},
		"no JSON":            {"PUT", "/v1/vms/a", "{", "bad_request"},
		"huge JSON":          {"PUT", "/v1/vms/a", `{"labels":{"a":"` + strings.Repeat("x", 2<<20) + `"}}`, "body_too_large"},
		"negative memory":    {"PUT", "/v1/vms/a", `{"memoryBytes":-1}`, "invalid_memory"},
		"huge label":         {"PUT", "/v1/vms/a", `{"labels":{"a":"` + strings.Repeat("x", 5000) + `"}}`, "invalid_labels"},
		"long grace":         {"DELETE", "/v1/vms/a?graceSeconds=100000", "", "invalid_parameter"},
		"long wait":          {"GET", "/v1/vms/a/wait?timeoutSeconds=-1", "", "invalid_parameter"},
		"unknown path":       {"GET", "/v1/secrets", "", "no_such_operation"},
		"unknown method":     {"PATCH", "/v1/vms/a", "", "no_such_operation"},
		"tunnel, no upgrade": {"GET", "/v1/vms/a/tunnels/api", "", "upgrade_required"},
		"unknown VM":         {"GET", "/v1/vms/%2e%2e%2f%2e%2e", "", "vm_not_found"},
		"events of no VM":    {"GET", "/v1/vms/nope/events", "", "vm_not_found"},
	} {
		t.Run(name, func(t *testing.T) {
			status, p := b.raw(tc.method, tc.target, tc.body)
			if status < 400 || status != p.Status || p.Code != tc.code || p.Detail == "" {
				t.Fatalf("status %d, %+v; want code %s", status, p, tc.code)
			}
		})
	}
	b.wantNothingLeft()
	for _, dir := range []string{"disks", "blobs/complete"} {
		entries, err := os.ReadDir(filepath.Join(b.host.Config.DataDir, dir))
		if err != nil || len(entries) > 0 {
			t.Errorf("%s holds %v, %v", dir, entries, err)
		}
	}
}
