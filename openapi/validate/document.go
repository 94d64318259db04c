package validate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Document holds the operations of an OpenAPI document. It never changes and
// may be used by any number of goroutines.
type Document struct {
	operations []*Operation
	byRoute    map[string]*Operation
}

// Operation is one operation of a document.
type Operation struct {
	// ID is the operationId.
	ID string
	// Method is the HTTP method in upper case, Path the path template.
	Method, Path string
	// Tags are the operation's tags.
	Tags []string
	// Deprecated is since when the operation is deprecated, Sunset after when it
	// may be gone. Both are zero unless it is deprecated.
	Deprecated, Sunset time.Time

	parameters []parameter
	body       *body
}

// parameter is a path, query or header parameter.
type parameter struct {
	name, in string
	required bool
	schema   *schema
}

// body describes a request body. A nil schema means that the body is no JSON
// and is not looked at.
type body struct {
	required  bool
	mediaType string
	schema    *schema
}

var methods = []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}

// Parse reads an OpenAPI document. It fails when a request schema uses a
// keyword that this package does not check.
func Parse(document []byte) (*Document, error) {
	var raw rawDocument
	if err := yaml.Unmarshal(document, &raw); err != nil {
		return nil, fmt.Errorf("openapi document: %w", err)
	}
	c := &compiler{raw: &raw, schemas: make(map[string]*schema)}
	d := &Document{byRoute: make(map[string]*Operation)}
	for path, item := range raw.Paths {
		for _, method := range methods {
			op := item.operation(method)
			if op == nil {
				continue
			}
			compiled, err := c.operation(strings.ToUpper(method), path, item, op)
			if err != nil {
				return nil, fmt.Errorf("openapi document: %s %s: %w", strings.ToUpper(method), path, err)
			}
			d.operations = append(d.operations, compiled)
			d.byRoute[compiled.Method+" "+path] = compiled
		}
	}
	slices.SortFunc(d.operations, func(a, b *Operation) int { return strings.Compare(a.ID, b.ID) })
	return d, nil
}

// Operations returns all operations in order of their ids.
func (d *Document) Operations() []*Operation { return slices.Clone(d.operations) }

// Methods returns the methods of the path that is named so, sorted; none if
// only a template fits it.
func (d *Document) Methods(path string) []string {
	var methods []string
	for _, o := range d.operations {
		if o.Path == path {
			methods = append(methods, o.Method)
		}
	}
	slices.Sort(methods)
	return methods
}

// Route returns the operation of a route in the form "GET /v1/things/{thing}",
// which is also a pattern of http.ServeMux, or nil.
func (d *Document) Route(pattern string) *Operation { return d.byRoute[pattern] }
