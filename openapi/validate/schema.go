package validate

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cardplane/cardplane/openapi/apierr"
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
	open                 bool
	additional           *schema
	maxProperties        *int
	items                *schema
	minItems, maxItems   *int
	unique               bool
}

// maxShown bounds how much of an offending value an error repeats.
const maxShown = 64

// check tests value, as encoding/json decodes it with UseNumber, and names
// the place of a fault by the JSON pointer at.
func (s *schema) check(at string, value any) error {
	if value == nil {
		if s.nullable {
			return nil
		}
		return fault(at, "is null; leave it out or give it a value of type %s", s.kind)
	}
	switch s.kind {
	case "object":
		return s.checkObject(at, value)
	case "array":
		return s.checkArray(at, value)
	case "string":
		return s.checkString(at, value)
	case "integer":
		return s.checkInteger(at, value)
	case "number":
		return s.checkNumber(at, value)
	case "boolean":
		if _, ok := value.(bool); !ok {
			return wrongType(at, value, "true or false")
		}
	}
	return nil
}

func (s *schema) checkObject(at string, value any) error {
	object, ok := value.(map[string]any)
	if !ok {
		return wrongType(at, value, "an object")
	}
	for _, name := range s.required {
		if _, ok := object[name]; !ok {
			return apierr.New(apierr.InvalidArgument, "missing_field", "field %s is required", pointer(at, name)).At(pointer(at, name))
		}
	}
	if s.maxProperties != nil && len(object) > *s.maxProperties {
		return fault(at, "has %d members; at most %d are allowed", len(object), *s.maxProperties)
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		sub, known := s.properties[name]
		if !known {
			sub = s.additional
		}
		if sub == nil {
			if s.open {
				continue
			}
			return s.unknownField(at, name)
		}
		if err := sub.check(pointer(at, name), object[name]); err != nil {
			return err
		}
	}
	return nil
}

func (s *schema) unknownField(at, name string) error {
	known := slices.Sorted(maps.Keys(s.properties))
	field := pointer(at, name)
	return apierr.New(apierr.InvalidArgument, "unknown_field", "there is no field %s; the fields here are %s",
		shorten(field), strings.Join(known, ", ")).At(field)
}

func (s *schema) checkArray(at string, value any) error {
	array, ok := value.([]any)
	if !ok {
		return wrongType(at, value, "an array")
	}
	if s.minItems != nil && len(array) < *s.minItems {
		return fault(at, "has %d items; at least %d are needed", len(array), *s.minItems)
	}
	if s.maxItems != nil && len(array) > *s.maxItems {
		return fault(at, "has %d items; at most %d are allowed", len(array), *s.maxItems)
	}
	for i, item := range array {
		if err := s.items.check(at+"/"+strconv.Itoa(i), item); err != nil {
			return err
		}
		if s.unique && slices.ContainsFunc(array[:i], func(other any) bool { return reflect.DeepEqual(other, item) }) {
			return fault(at, "has the item %s twice", shown(item))
		}
	}
	return nil
}

func (s *schema) checkString(at string, value any) error {
	text, ok := value.(string)
	if !ok {
		return wrongType(at, value, "a string")
	}
	if len(s.enum) > 0 && !slices.Contains(s.enum, text) {
		return fault(at, "is %s; it must be one of %s", shown(text), strings.Join(s.enum, ", "))
	}
	length := utf8.RuneCountInString(text)
	if s.minLength != nil && length < *s.minLength {
		if length == 0 {
			return fault(at, "is empty; give it a value")
		}
		return fault(at, "is %s; it must have at least %d characters", shown(text), *s.minLength)
	}
	if s.maxLength != nil && length > *s.maxLength {
		return fault(at, "has %d characters; at most %d are allowed", length, *s.maxLength)
	}
	if s.pattern != nil && !s.pattern.MatchString(text) {
		return fault(at, "is %s; it must match %s", shown(text), s.pattern)
	}
	if s.format == "date-time" {
		if _, err := time.Parse(time.RFC3339, text); err != nil {
			return fault(at, "is %s; it must be a time such as 2026-01-02T15:04:05Z (RFC 3339)", shown(text))
		}
	}
	return nil
}

func (s *schema) checkInteger(at string, value any) error {
	number, ok := value.(json.Number)
	if !ok {
		return wrongType(at, value, "an integer")
	}
	n, err := strconv.ParseInt(number.String(), 10, 64)
	if err != nil {
		return wrongType(at, value, "an integer of 64 bits")
	}
	if s.format == "int32" && (n < math.MinInt32 || n > math.MaxInt32) {
		return wrongType(at, value, "an integer of 32 bits")
	}
	if s.minimum != nil && n < *s.minimum {
		return fault(at, "is %d; the minimum is %d", n, *s.minimum)
	}
	if s.maximum != nil && n > *s.maximum {
		return fault(at, "is %d; the maximum is %d", n, *s.maximum)
	}
	return nil
}

func (s *schema) checkNumber(at string, value any) error {
	number, ok := value.(json.Number)
	if !ok {
		return wrongType(at, value, "a number")
	}
	n, err := number.Float64()
	if err != nil {
		return wrongType(at, value, "a number that fits 64 bits")
	}
	if s.minimum != nil && n < float64(*s.minimum) {
		return fault(at, "is %v; the minimum is %d", n, *s.minimum)
	}
	if s.maximum != nil && n > float64(*s.maximum) {
		return fault(at, "is %v; the maximum is %d", n, *s.maximum)
	}
	return nil
}

// pointer appends a member's name to a JSON pointer (RFC 6901 section 3).
func pointer(at, name string) string {
	return at + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

// fault is the error for a value that breaks a constraint.
func fault(at, format string, args ...any) *apierr.Error {
	code, what := "invalid_field", "field "+shorten(at)
	switch {
	case at == "":
		what = "the request body"
	case at[0] != '/':
		code, what = "invalid_parameter", "parameter "+at
	}
	return apierr.New(apierr.InvalidArgument, code, "%s %s", what, fmt.Sprintf(format, args...)).At(at)
}

func wrongType(at string, value any, want string) error {
	return fault(at, "is %s; it must be %s", shown(value), want)
}

// shown renders a value for an error message, on one line and not too long.
func shown(value any) string {
	switch v := value.(type) {
	case string:
		return strconv.Quote(shorten(v))
	case map[string]any:
		return "an object"
	case []any:
		return "an array"
	default:
		return shorten(fmt.Sprint(v))
	}
}

func shorten(text string) string {
	if len(text) <= maxShown {
		return text
	}
	return strings.ToValidUTF8(text[:maxShown], "") + "…"
}
