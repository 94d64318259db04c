package validate

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/cardplane/cardplane/openapi/apierr"
)

// Check tests r against the operation and returns an InvalidArgument error
// whose Field names the first fault: a JSON pointer into the body, or the
// name of a parameter.
//
// r must have been matched by an http.ServeMux, from which the path values
// are taken. A JSON body of at most maxBody bytes is read and replaced by a
// copy, so that it can be read again; a body of another media type is left
// alone and unbounded.
func (o *Operation) Check(r *http.Request, maxBody int64) error {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return apierr.New(apierr.InvalidArgument, "invalid_query", "the query string %q is malformed; percent-encode special characters", shorten(r.URL.RawQuery))
	}
	for name := range query {
		if err := o.knownQuery(name); err != nil {
			return err
		}
	}
	for _, p := range o.parameters {
		if err := p.check(p.values(r, query)); err != nil {
			return err
		}
	}
	return o.checkBody(r, maxBody)
}

func (o *Operation) knownQuery(name string) error {
	var known []string
	for _, p := range o.parameters {
		if p.in == "query" {
			known = append(known, p.name)
		}
	}
	switch {
	case slices.Contains(known, name):
		return nil
	case len(known) == 0:
		return apierr.New(apierr.InvalidArgument, "unknown_parameter", "there is no query parameter %q; %s takes none", shorten(name), o.ID).At(name)
	}
	return apierr.New(apierr.InvalidArgument, "unknown_parameter", "there is no query parameter %q; %s takes %s",
		shorten(name), o.ID, strings.Join(known, ", ")).At(name)
}

func (p *parameter) values(r *http.Request, query url.Values) []string {
	switch p.in {
	case "path":
		return []string{r.PathValue(p.name)}
	case "header":
		return r.Header.Values(p.name)
	default:
		return query[p.name]
	}
}

func (p *parameter) check(values []string) error {
	switch {
	case len(values) == 0 && p.required:
		return apierr.New(apierr.InvalidArgument, "missing_parameter", "parameter %s is required", p.name).At(p.name)
	case len(values) == 0:
		return nil
	case p.schema.kind == "array":
		items := make([]any, len(values))
		for i, v := range values {
			items[i] = p.schema.items.fromText(v)
		}
		return inParameter(p.name, p.schema.check(p.name, items))
	case len(values) > 1:
		return fault(p.name, "is given %d times; give it once", len(values))
	}
	return p.schema.check(p.name, p.schema.fromText(values[0]))
}

// inParameter names the parameter, and not an item of it, as the fault's place.
func inParameter(name string, err error) error {
	if e := apierr.From(err); e != nil {
		return e.At(name)
	}
	return nil
}

// fromText turns a parameter's text into what its JSON form would decode to.
// Text that does not fit stays text and fails the check.
func (s *schema) fromText(text string) any {
	switch {
	case s.kind == "boolean" && text == "true":
		return true
	case s.kind == "boolean" && text == "false":
		return false
	case s.kind == "integer" || s.kind == "number":
		return json.Number(text)
	}
	return text
}

func (o *Operation) checkBody(r *http.Request, maxBody int64) error {
	if o.body == nil || o.body.schema == nil {
		return nil
	}
	content, err := readBody(r, maxBody)
	if err != nil {
		return err
	}
	if len(content) == 0 {
		if o.body.required {
			return apierr.New(apierr.InvalidArgument, "missing_body", "%s needs a request body of type %s", o.ID, o.body.mediaType)
		}
		return nil
	}
	if mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); mediaType != o.body.mediaType {
		return apierr.New(apierr.InvalidArgument, "unsupported_media_type", "the request body's Content-Type is %q; it must be %s",
			shorten(r.Header.Get("Content-Type")), o.body.mediaType)
	}
	value, err := decode(content)
	if err != nil {
		return err
	}
	return o.body.schema.check("", value)
}

// readBody reads r's body and leaves a copy in its place.
func readBody(r *http.Request, maxBody int64) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, apierr.New(apierr.InvalidArgument, "body_unreadable", "the request body could not be read: %w", err)
	}
	if int64(len(content)) > maxBody {
		return nil, apierr.New(apierr.InvalidArgument, "body_too_large", "the request body is larger than %d bytes", maxBody)
	}
	r.Body = io.NopCloser(bytes.NewReader(content))
	return content, nil
}

// decode reads one JSON value and nothing after it.
func decode(content []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(content))
	dec.UseNumber()
	var value any
	if err := dec.Decode(&value); err != nil {
		return nil, badJSON(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, apierr.New(apierr.InvalidArgument, "invalid_json", "the request body goes on after its JSON value; send one value")
	}
	return value, nil
}

func badJSON(err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return apierr.New(apierr.InvalidArgument, "invalid_json", "the request body is no valid JSON: %w at byte %d", err, syntax.Offset)
	}
	return apierr.New(apierr.InvalidArgument, "invalid_json", "the request body is no valid JSON: %w", err)
}

// RawBody reports whether the operation takes a body that Check leaves alone,
// because it is no JSON.
func (o *Operation) RawBody() bool { return o.body != nil && o.body.schema == nil }
