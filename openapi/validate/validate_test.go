package validate_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/openapi"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/validate"
)

const document = `
openapi: 3.0.3
info: {title: t, version: v}
paths:
  /things/{thing}:
    parameters:
      - {name: thing, in: path, required: true, schema: {type: string, maxLength: 4}}
    post:
      operationId: makeThing
      parameters:
        - {$ref: "#/components/parameters/Limit"}
        - {name: on, in: query, schema: {type: boolean}}
        - {name: since, in: query, schema: {type: string, format: date-time}}
        - {name: label, in: query, schema: {type: array, maxItems: 2, items: {type: string, maxLength: 3}}}
        - {name: X-Key, in: header, schema: {type: string, pattern: "^[a-z]+$"}}
      requestBody:
        content: {application/json: {schema: {$ref: "#/components/schemas/Thing"}}}
    get: {operationId: readThing}
    put:
      operationId: loadThing
      requestBody:
        required: true
        content: {application/octet-stream: {schema: {type: string, format: binary}}}
    patch:
      operationId: patchThing
      requestBody:
        required: true
        content: {application/json: {schema: {$ref: "#/components/schemas/Thing"}}}
components:
  parameters:
    Limit: {name: limit, in: query, schema: {type: integer, minimum: 1, maximum: 10}}
  schemas:
    Thing:
      type: object
      required: [name]
      x-refused: {weight: "things float; leave it out"}
      properties:
        name: {type: string, minLength: 2, maxLength: 5}
        kind: {type: string, enum: [a, b]}
        size: {type: integer, format: int32, minimum: -1}
        ratio: {type: number, maximum: 1}
        on: {type: boolean, nullable: true}
        secret: {type: string, writeOnly: true}
        tags: {type: array, minItems: 1, uniqueItems: true, items: {type: string}}
        labels: {type: object, maxProperties: 2, additionalProperties: {type: string}}
        free: {type: object, additionalProperties: true}
        child: {$ref: "#/components/schemas/Thing"}
`

// What is deprecated says since when and until when, a year at least.
func TestDeprecation(t *testing.T) {
	for operation, ok := range map[string]bool{
		"deprecated: true, x-deprecated-since: 2026-01-02, x-sunset: 2027-01-02":     true,
		`deprecated: true, x-deprecated-since: "2026-01-02", x-sunset: "2028-01-02"`: true,
		"deprecated: true, x-deprecated-since: 2026-01-02, x-sunset: 2027-01-01":     false,
		"deprecated: true, x-deprecated-since: 2026-01-02":                           false,
		"deprecated: true, x-sunset: 2027-01-02":                                     false,
		"deprecated: true, x-deprecated-since: soon, x-sunset: 2027-01-02":           false,
		"x-sunset: 2027-01-02": false,
	} {
		_, err := validate.Parse([]byte("paths: {/old: {get: {operationId: getOld, " + operation + "}}}"))
		if (err == nil) != ok {
			t.Errorf("%s: %v", operation, err)
		}
	}
}

func serve(t *testing.T, doc *validate.Document, method, target, contentType, body string, header http.Header) *apierr.Error {
	t.Helper()
	var got error
	mux := http.NewServeMux()
	mux.HandleFunc(method+" /things/{thing}", func(_ http.ResponseWriter, r *http.Request) {
		got = doc.Route(method+" /things/{thing}").Check(r, 1000)
		if again, err := io.ReadAll(r.Body); got == nil && (err != nil || string(again) != body) {
			t.Errorf("the body cannot be read again: %q %v", again, err)
		}
	})
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for name, values := range header {
		r.Header[name] = values
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	mux.ServeHTTP(httptest.NewRecorder(), r)
	return apierr.From(got)
}

func TestBody(t *testing.T) {
	doc, err := validate.Parse([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		body, code, field, want string
	}{
		{`{"name":"ab"}`, "", "", ""},
		{``, "", "", ""},
		{`{"name":"ab","kind":"b","size":-1,"ratio":0.5,"on":null,"tags":["x"],"labels":{"a":"b"},"free":{"x":[1]},"child":{"name":"cd"}}`, "", "", ""},
		{`{}`, "missing_field", "/name", "field /name is required"},
		{`{"name":"a"}`, "invalid_field", "/name", "at least 2"},
		{`{"name":""}`, "invalid_field", "/name", "is empty"},
		{`{"name":"äöüäö"}`, "", "", ""},
		{`{"name":"abcdef"}`, "invalid_field", "/name", "at most 5"},
		{`{"name":7}`, "invalid_field", "/name", "is 7; it must be a string"},
		{`{"name":null}`, "invalid_field", "/name", "is null"},
		{`{"Name":"ab","name":"ab"}`, "unknown_field", "/Name", "there is no field /Name"},
		{`{"name":"ab","weight":1}`, "not_supported", "/weight", "field /weight is not supported: things float; leave it out"},
		{`{"name":"ab","child":{"name":"cd","weight":null}}`, "not_supported", "/child/weight", "things float"},
		{`{"name":"ab","kind":"c"}`, "invalid_field", "/kind", `is "c"; it must be one of a, b`},
		{`{"name":"ab","size":-2}`, "invalid_field", "/size", "minimum is -1"},
		{`{"name":"ab","size":1.5}`, "invalid_field", "/size", "integer"},
		{`{"name":"ab","size":4294967296}`, "invalid_field", "/size", "32 bits"},
		{`{"name":"ab","size":99999999999999999999}`, "invalid_field", "/size", "64 bits"},
		{`{"name":"ab","ratio":2}`, "invalid_field", "/ratio", "maximum is 1"},
		{`{"name":"ab","ratio":1e999}`, "invalid_field", "/ratio", "64 bits"},
		{`{"name":"ab","on":"yes"}`, "invalid_field", "/on", "true or false"},
		{`{"name":"ab","tags":[]}`, "invalid_field", "/tags", "at least 1"},
		{`{"name":"ab","tags":["x","x"]}`, "invalid_field", "/tags", "twice"},
		{`{"name":"ab","tags":[1]}`, "invalid_field", "/tags/0", "a string"},
		{`{"name":"ab","tags":{}}`, "invalid_field", "/tags", "an array"},
		{`{"name":"ab","labels":{"a/b~c":1}}`, "invalid_field", "/labels/a~1b~0c", "a string"},
		{`{"name":"ab","labels":{"a":"","b":"","c":""}}`, "invalid_field", "/labels", "at most 2"},
		{`{"name":"ab","child":{"nam":"x","name":"cd"}}`, "unknown_field", "/child/nam", "the fields here are"},
		{`[]`, "invalid_field", "", "the request body is an array"},
		{`{"name":"ab"} {}`, "invalid_json", "", "goes on"},
		{`{"name":`, "invalid_json", "", "no valid JSON"},
		{`{"name" 1}`, "invalid_json", "", "at byte"},
		{`{"name":"` + strings.Repeat("x", 1000) + `"}`, "body_too_large", "", "larger than 1000"},
	} {
		got := serve(t, doc, "POST", "/things/x", "application/json; charset=utf-8", tc.body, nil)
		compare(t, tc.body, got, tc.code, tc.field, tc.want)
	}
	compare(t, "required", serve(t, doc, "PATCH", "/things/x", "", "", nil), "missing_body", "", "patchThing needs")
	compare(t, "media type", serve(t, doc, "POST", "/things/x", "text/plain", `{"name":"ab"}`, nil), "unsupported_media_type", "", "text/plain")
	compare(t, "raw", serve(t, doc, "PUT", "/things/x", "", strings.Repeat("x", 5000), nil), "", "", "")
}

func compare(t *testing.T, name string, got *apierr.Error, code, field, want string) {
	t.Helper()
	switch {
	case code == "" && got != nil:
		t.Errorf("%s: %v", name, got)
	case code == "":
	case got == nil:
		t.Errorf("%s: passed, want %s", name, code)
	case got.Class != apierr.InvalidArgument || got.Code != code || got.Field != field || !strings.Contains(got.Message, want):
		t.Errorf("%s: got %s at %q: %s; want %s at %q: %s", name, got.Code, got.Field, got.Message, code, field, want)
	}
}

func TestParameters(t *testing.T) {
	doc, err := validate.Parse([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		target, code, field, want string
	}{
		{"/things/x?limit=10&on=false&since=2026-01-02T03:04:05Z&label=a&label=b", "", "", ""},
		{"/things/abcde", "invalid_parameter", "thing", "at most 4"},
		{"/things/x?limit=0", "invalid_parameter", "limit", "parameter limit is 0; the minimum is 1"},
		{"/things/x?limit=11", "invalid_parameter", "limit", "maximum is 10"},
		{"/things/x?limit=ten", "invalid_parameter", "limit", "integer"},
		{"/things/x?limit=", "invalid_parameter", "limit", "integer"},
		{"/things/x?limit=1&limit=2", "invalid_parameter", "limit", "2 times"},
		{"/things/x?on=1", "invalid_parameter", "on", "true or false"},
		{"/things/x?since=yesterday", "invalid_parameter", "since", "RFC 3339"},
		{"/things/x?label=a&label=b&label=c", "invalid_parameter", "label", "at most 2"},
		{"/things/x?label=abcd", "invalid_parameter", "label", "at most 3"},
		{"/things/x?limti=3", "unknown_parameter", "limti", "makeThing takes limit"},
		{"/things/x?a;b", "invalid_query", "", "malformed"},
	} {
		compare(t, tc.target, serve(t, doc, "POST", tc.target, "application/json", "", nil), tc.code, tc.field, tc.want)
	}
	bad := http.Header{"X-Key": {"A"}}
	compare(t, "header", serve(t, doc, "POST", "/things/x", "application/json", "", bad), "invalid_parameter", "X-Key", "must match")
}

// All faults of a request are named at once, up to a bound, and no secret.
func TestSeveralFaults(t *testing.T) {
	doc, err := validate.Parse([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	const body = `{"name":"a","secret":5,"child":{"name":"ab","kind":"c"},"size":1.5}`
	got := serve(t, doc, "POST", "/things/x?limit=0&nope=1", "application/json", body, nil)
	var lines []string
	for _, f := range got.Faults {
		lines = append(lines, f.Code+" "+f.Field+" "+f.Value)
	}
	want := []string{
		"unknown_parameter nope ", "invalid_parameter limit 0", "invalid_field /child/kind c",
		"invalid_field /name a", "invalid_field /secret ", "invalid_field /size 1.5",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("got %q\nwant %q", lines, want)
	}
	if got.Field != "nope" || !strings.HasSuffix(got.Message, "; and 3 more faults") || strings.Contains(got.Faults[4].Message, "5") {
		t.Errorf("%s: %s, %s", got.Field, got.Message, got.Faults[4].Message)
	}
	many := make(map[string]int)
	for i := range 100 {
		many[strconv.Itoa(i)] = i
	}
	unknown, err := json.Marshal(many)
	if err != nil {
		t.Fatal(err)
	}
	if got := serve(t, doc, "POST", "/things/x", "application/json", string(unknown), nil); len(got.Faults) != 16 {
		t.Errorf("%d faults", len(got.Faults))
	}
}

// A body that an operation does not take is refused instead of being ignored.
func TestUnexpectedBody(t *testing.T) {
	doc, err := validate.Parse([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "body", serve(t, doc, "GET", "/things/x", "", "{}", nil), "unexpected_body", "", "readThing takes no request body")
	compare(t, "none", serve(t, doc, "GET", "/things/x", "", "", nil), "", "", "")
}

func TestParseRefuses(t *testing.T) {
	for name, schema := range map[string]string{
		"unsupported keyword": `{oneOf: [{type: string}]}`,
		"unknown reference":   `{$ref: "#/components/schemas/Nope"}`,
		"foreign reference":   `{$ref: "other.yaml#/Thing"}`,
		"bad pattern":         `{type: string, pattern: "("}`,
		"array without items": `{type: array}`,
	} {
		doc := "paths: {/x: {post: {operationId: x, requestBody: {content: {application/json: {schema: " + schema + "}}}}}}"
		if _, err := validate.Parse([]byte(doc)); err == nil {
			t.Errorf("%s: parsed", name)
		}
	}
}

// The public document must be one that this package can check.
func TestCardplaneDocument(t *testing.T) {
	doc, err := validate.Parse(openapi.Cardplane)
	if err != nil {
		t.Fatal(err)
	}
	if len(doc.Operations()) < 20 {
		t.Fatalf("%d operations", len(doc.Operations()))
	}
}

func FuzzBody(f *testing.F) {
	doc, err := validate.Parse([]byte(document))
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{`{"name":"ab"}`, `{"child":{"child":{"name":null}}}`, `[[[[`, `{"labels":{"\u0000":1e99}}`, "\xff"} {
		f.Add(seed)
	}
	op := doc.Route("POST /things/{thing}")
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequest("POST", "/things/x", strings.NewReader(body))
		r.SetPathValue("thing", "x")
		r.Header.Set("Content-Type", "application/json")
		if err := op.Check(r, 1000); err != nil && apierr.ClassOf(err) != apierr.InvalidArgument {
			t.Fatalf("%v is no invalid argument", err)
		}
	})
}
