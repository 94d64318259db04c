package openapi_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// documents are the contracts. Those marked problems answer every error with
// a problem document; Cloud Hypervisor's API has errors of its own.
var documents = []struct {
	file     string
	problems bool
}{
	{file: "cardplane.yaml", problems: true},
	{file: "host.yaml", problems: true},
	{file: "guest-agent.yaml", problems: true},
	{file: "cloud-hypervisor.yaml"},
}

var operationID = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*$`)

// Every document is valid OpenAPI 3.0, and its examples fit their schemas.
func TestDocuments(t *testing.T) {
	for _, d := range documents {
		t.Run(d.file, func(t *testing.T) {
			doc := load(t, d.file)
			if err := doc.Validate(context.Background(), openapi3.EnableSchemaPatternValidation()); err != nil {
				t.Errorf("%s is not valid: %v", d.file, err)
			}
			seen := make(map[string]string)
			for path, item := range doc.Paths.Map() {
				for method, operation := range item.Operations() {
					where := method + " " + path
					if !operationID.MatchString(operation.OperationID) {
						t.Errorf("%s: operationId %q; give it one in letters and digits", where, operation.OperationID)
					}
					if other, ok := seen[operation.OperationID]; ok {
						t.Errorf("%s and %s share the operationId %s", where, other, operation.OperationID)
					}
					seen[operation.OperationID] = where
					if d.problems {
						checkErrors(t, where, operation)
					}
				}
			}
		})
	}
}

// Validation of examples is what the test above relies on: a document with a
// wrong example must not pass.
func TestExamplesAreValidated(t *testing.T) {
	const wrong = `{openapi: 3.0.3, info: {title: t, version: v}, paths: {}, components: {schemas: {S: {type: object, properties: {n: {type: integer}}, example: {n: x}}}}}`
	doc, err := openapi3.NewLoader().LoadFromData([]byte(wrong))
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(context.Background()); err == nil {
		t.Error("a wrong example passed")
	}
}

func load(t *testing.T, file string) *openapi3.T {
	t.Helper()
	content, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("%s is not there", file)
	}
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(content)
	if err != nil {
		t.Fatalf("%s cannot be read: %v", file, err)
	}
	if !regexp.MustCompile(`^3\.0\.\d+$`).MatchString(doc.OpenAPI) {
		t.Errorf("%s is OpenAPI %s; the generator wants 3.0", file, doc.OpenAPI)
	}
	return doc
}

// checkErrors wants every error response to be a problem document (RFC 9457).
func checkErrors(t *testing.T, where string, operation *openapi3.Operation) {
	t.Helper()
	var statuses []string
	for status, response := range operation.Responses.Map() {
		statuses = append(statuses, status)
		if status != "default" && status[0] < '4' {
			continue
		}
		if response.Value.Content.Get("application/problem+json") == nil {
			t.Errorf("%s: response %s is no application/problem+json", where, status)
		}
	}
	if !slices.ContainsFunc(statuses, func(s string) bool { return s == "default" || s[0] >= '4' }) {
		t.Errorf("%s describes no error", where)
	}
}
