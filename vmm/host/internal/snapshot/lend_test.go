package snapshot

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/cardplane/cardplane/openapi/apierr"
)

func TestRename(t *testing.T) {
	cfg, err := parseConfig([]byte(`{"a":"/old","b":["/old","/older",1.50],"c":{"d":"/old"},"/old":null}`))
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(rename(cfg, map[string]string{"/old": "/new"}))
	if want := `{"/old":null,"a":"/new","b":["/new","/older",1.50],"c":{"d":"/new"}}`; err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
}

// A VMM writes the configuration, and nobody vouches for it.
func FuzzConfig(f *testing.F) {
	f.Add([]byte(`{"payload":{"kernel":"/k"}}`))
	f.Add([]byte(`[]`))
	f.Add([]byte(`{"a":1e999}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		cfg, err := parseConfig(text)
		if err != nil {
			if !apierr.Is(err, "snapshot_invalid") {
				t.Fatal(err)
			}
			return
		}
		again, err := json.Marshal(rename(cfg, nil))
		if err != nil {
			t.Fatal(err)
		}
		if same, err := parseConfig(again); err != nil || !reflect.DeepEqual(same, cfg) {
			t.Fatalf("%s became %s, %v", text, again, err)
		}
	})
}
