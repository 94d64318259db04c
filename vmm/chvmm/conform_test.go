package chvmm

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/openapi/chapi"
)

func TestConform(t *testing.T) {
	vm := reflect.TypeFor[chapi.VmConfig]()
	for _, tc := range []struct {
		name, body, want, err string
		t                     reflect.Type
	}{
		{name: "empty", body: `{}`, want: `{}`},
		{name: "unknown keys go", body: `{"bogus":{"x":[1]},"cpus":{"boot_vcpus":1,"max_vcpus":1,"y":2}}`, want: `{"cpus":{"boot_vcpus":1,"max_vcpus":1}}`},
		{name: "case matters", body: `{"Pvpanic":true}`, want: `{}`},
		{name: "foreign devices stay", body: `{"fs":[{"tag":"x","socket":"y"}]}`, want: `{"fs":[{"socket":"y","tag":"x"}]}`},
		{name: "null is omitted", body: `{"vsock":null}`, want: `{"vsock":null}`},
		{name: "missing field", body: `{"cpus":{"boot_vcpus":1}}`, err: "missing field `max_vcpus`"},
		{name: "missing in a list", body: `{"landlock_rules":[{"path":"/"}]}`, err: "missing field `access`"},
		{name: "unknown variant", body: `{"serial":{"mode":"Loud"}}`, err: "unknown variant `Loud`"},
		{name: "negative", body: `{"memory":{"size":-1}}`, err: "integer `-1`"},
		{name: "wrong type", body: `{"memory":{"size":"1G"}}`, err: "cannot unmarshal"},
		{name: "fraction", body: `{"memory":{"size":1.5}}`, err: "cannot unmarshal"},
		{name: "not an object", body: `[1]`, err: "cannot unmarshal"},
		{name: "cut short", body: `{"cpus":`, err: "unexpected EOF"},
		{name: "trailing", body: `{} x`, err: "trailing characters"},
		{name: "id required", body: `{}`, err: "missing field `id`", t: reflect.TypeFor[chapi.VmRemoveDevice]()},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.t == nil {
				tc.t = vm
			}
			got, err := conform([]byte(tc.body), tc.t)
			switch {
			case tc.err == "" && err != nil:
				t.Fatalf("unexpected error %v", err)
			case tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)):
				t.Fatalf("error %v, want %q", err, tc.err)
			case tc.err == "" && string(got) != tc.want:
				t.Fatalf("got %s, want %s", got, tc.want)
			}
		})
	}
}

// What conform lets through must decode, and must pass a second time.
func FuzzConform(f *testing.F) {
	for _, seed := range []string{`{}`, `{"cpus":{"boot_vcpus":1,"max_vcpus":2}}`, `{"disks":[{"path":"/x","image_type":"Raw"}]}`,
		`{"net":[{"mac":"02:00:00:00:00:01"}],"fs":[{}]}`, `{"memory":{"size":-1}}`, `[[[]]]`, `{"serial":{"mode":7}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		exact, err := conform(body, reflect.TypeFor[chapi.VmConfig]())
		if err != nil {
			return
		}
		var cfg chapi.VmConfig
		if err := json.Unmarshal(exact, &cfg); err != nil {
			t.Fatalf("%s: %v", exact, err)
		}
		if _, err := conform(exact, reflect.TypeFor[chapi.VmConfig]()); err != nil {
			t.Fatalf("%s: %v", exact, err)
		}
		setDefaults(&cfg)
		_ = validate(&cfg)
	})
}
