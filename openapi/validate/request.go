package validate

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/cardplane/cardplane/openapi/apierr"
)

// Check tests r against the operation and returns an InvalidArgument error
// that names its faults, several at once where there are several: a JSON
// pointer into the body or the name of a parameter each.
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
	found := new(faults)
	for _, name := range slices.Sorted(maps.Keys(query)) {
		o.knownQuery(name, found)
	}
	for _, p := range o.parameters {
		p.check(p.values(r, query), found)
	}
	if err := o.checkBody(r, maxBody, found); err != nil {
		return err
	}
	return found.err()
}

func (o *Operation) knownQuery(name string, out *faults) {
	var known []string
	for _, p := range o.parameters {
		if p.in == "query" {
			known = append(known, p.name)
		}
	}
	switch {
	case slices.Contains(known, name):
	case len(known) == 0:
		out.append("unknown_parameter", shorten(name), "", "there is no query parameter %q; %s takes none", shorten(name), o.ID)
	default:
		out.append("unknown_parameter", shorten(name), "", "there is no query parameter %q; %s takes %s", shorten(name), o.ID, strings.Join(known, ", "))
	}
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

func (p *parameter) check(values []string, out *faults) {
	out.parameter = p.name
	defer func() { out.parameter = "" }()
	switch {
	case len(values) == 0:
		if p.required {
			out.append("missing_parameter", p.name, "", "parameter %s is required", p.name)
		}
	case p.schema.kind == "array":
		items := make([]any, len(values))
		for i, v := range values {
			items[i] = p.schema.items.fromText(v)
		}
		p.schema.check("", items, out)
	case len(values) > 1:
		out.add(p.schema, "", nil, "is given %d times; give it once", len(values))
	default:
		p.schema.check("", p.schema.fromText(values[0]), out)
	}
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

func (o *Operation) checkBody(r *http.Request, maxBody int64, out *faults) error {
	switch {
	case o.body == nil && r.ContentLength != 0:
		return apierr.New(apierr.InvalidArgument, "unexpected_body", "%s takes no request body; leave it out", o.ID)
	case o.body == nil || o.body.schema == nil:
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
	o.body.schema.check("", value, out)
	return nil
}

// readBody reads r's body and leaves a copy in its place.
func readBody(r *http.Request, maxBody int64) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, apierr.New(apierr.InvalidArgument, "request_timeout", "the request body did not arrive in time; send it without pauses: %w", err)
	}
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
