package validate

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// schema is a compiled schema (OpenAPI 3.0.3, "Schema Object"). A property
// that it neither names nor allows through open or additional is refused,
// which is stricter than JSON Schema: a misspelt field must not be a no-op.
type schema struct {
	kind, format         string
	nullable             bool
	enum                 []string
	pattern              *regexp.Regexp
	minLength, maxLength *int
	minimum, maximum     *int64
	required             []string
	properties           map[string]*schema
	refused              map[string]string // why there is no such property
	open                 bool
	additional           *schema
	maxProperties        *int
	items                *schema
	minItems, maxItems   *int
	unique               bool
	secret               bool // writeOnly: errors do not repeat the value
}

// check tests value, as encoding/json decodes it with UseNumber, and notes its
// faults; at is the JSON pointer of the value.
func (s *schema) check(at string, value any, out *faults) {
	if out.full() {
		return
	}
	if value == nil {
		if !s.nullable {
			out.add(s, at, nil, "is null; leave it out or give it a value of type %s", s.kind)
		}
		return
	}
	switch s.kind {
	case "object":
		s.checkObject(at, value, out)
	case "array":
		s.checkArray(at, value, out)
	case "string":
		s.checkString(at, value, out)
	case "integer":
		s.checkInteger(at, value, out)
	case "number":
		s.checkNumber(at, value, out)
	case "boolean":
		if _, ok := value.(bool); !ok {
			out.wrongType(s, at, value, "true or false")
		}
	}
}

func (s *schema) checkObject(at string, value any, out *faults) {
	object, ok := value.(map[string]any)
	if !ok {
		out.wrongType(s, at, value, "an object")
		return
	}
	if s.maxProperties != nil && len(object) > *s.maxProperties {
		out.add(s, at, nil, "has %d members; at most %d are allowed", len(object), *s.maxProperties)
		return
	}
	for _, name := range s.required {
		if _, ok := object[name]; !ok {
			field := pointer(at, name)
			out.append("missing_field", field, "", "field %s is required", field)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		sub, known := s.properties[name]
		if !known {
			sub = s.additional
		}
		why, refused := s.refused[name]
		switch {
		case refused:
			field := pointer(at, name)
			out.append("not_supported", field, "", "field %s is not supported: %s", field, why)
		case sub != nil:
			sub.check(pointer(at, name), object[name], out)
		case !s.open:
			field := pointer(at, name)
			out.append("unknown_field", field, "", "there is no field %s; the fields here are %s",
				shorten(field), strings.Join(slices.Sorted(maps.Keys(s.properties)), ", "))
		}
	}
}

func (s *schema) checkArray(at string, value any, out *faults) {
	array, ok := value.([]any)
	switch {
	case !ok:
		out.wrongType(s, at, value, "an array")
		return
	case s.minItems != nil && len(array) < *s.minItems:
		out.add(s, at, nil, "has %d items; at least %d are needed", len(array), *s.minItems)
		return
	case s.maxItems != nil && len(array) > *s.maxItems:
		out.add(s, at, nil, "has %d items; at most %d are allowed", len(array), *s.maxItems)
		return
	}
	for i, item := range array {
		s.items.check(at+"/"+strconv.Itoa(i), item, out)
		if s.unique && slices.ContainsFunc(array[:i], func(other any) bool { return reflect.DeepEqual(other, item) }) {
			out.add(s, at, nil, "has the item %s twice", shown(item))
			return
		}
	}
}

func (s *schema) checkString(at string, value any, out *faults) {
	text, ok := value.(string)
	if !ok {
		out.wrongType(s, at, value, "a string")
		return
	}
	length := utf8.RuneCountInString(text)
	switch {
	case len(s.enum) > 0 && !slices.Contains(s.enum, text):
		out.add(s, at, text, "is %s; it must be one of %s", s.shown(text), strings.Join(s.enum, ", "))
	case s.minLength != nil && length == 0 && *s.minLength > 0:
		out.add(s, at, text, "is empty; give it a value")
	case s.minLength != nil && length < *s.minLength:
		out.add(s, at, text, "is %s; it must have at least %d characters", s.shown(text), *s.minLength)
	case s.maxLength != nil && length > *s.maxLength:
		out.add(s, at, text, "has %d characters; at most %d are allowed", length, *s.maxLength)
	case s.pattern != nil && !s.pattern.MatchString(text):
		out.add(s, at, text, "is %s; it must match %s", s.shown(text), s.pattern)
	case s.format == "byte" && !isBase64(text):
		out.add(s, at, text, "is %s; it must be base64 (RFC 4648)", s.shown(text))
	case s.format == "date-time" && !isTime(text):
		out.add(s, at, text, "is %s; it must be a time such as 2026-01-02T15:04:05Z (RFC 3339)", s.shown(text))
	}
}

func isBase64(text string) bool {
	_, err := base64.StdEncoding.DecodeString(text)
	return err == nil
}

func isTime(text string) bool {
	_, err := time.Parse(time.RFC3339, text)
	return err == nil
}

func (s *schema) checkInteger(at string, value any, out *faults) {
	number, ok := value.(json.Number)
	if !ok {
		out.wrongType(s, at, value, "an integer")
		return
	}
	n, err := strconv.ParseInt(number.String(), 10, 64)
	switch {
	case err != nil:
		out.wrongType(s, at, value, "an integer of 64 bits")
	case s.format == "int32" && (n < math.MinInt32 || n > math.MaxInt32):
		out.wrongType(s, at, value, "an integer of 32 bits")
	case s.minimum != nil && n < *s.minimum:
		out.add(s, at, value, "is %d; the minimum is %d", n, *s.minimum)
	case s.maximum != nil && n > *s.maximum:
		out.add(s, at, value, "is %d; the maximum is %d", n, *s.maximum)
	}
}

func (s *schema) checkNumber(at string, value any, out *faults) {
	number, ok := value.(json.Number)
	if !ok {
		out.wrongType(s, at, value, "a number")
		return
	}
	n, err := number.Float64()
	switch {
	case err != nil:
		out.wrongType(s, at, value, "a number that fits 64 bits")
	case s.minimum != nil && n < float64(*s.minimum):
		out.add(s, at, value, "is %v; the minimum is %d", n, *s.minimum)
	case s.maximum != nil && n > float64(*s.maximum):
		out.add(s, at, value, "is %v; the maximum is %d", n, *s.maximum)
	}
}

// pointer appends a member's name to a JSON pointer (RFC 6901 section 3).
func pointer(at, name string) string {
	return at + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}
