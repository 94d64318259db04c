package chvmm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// conform checks a JSON body against the type generated from its schema the
// way Cloud Hypervisor's decoder does where Go's differs: keys are matched
// with case, required ones must be there, numbers are unsigned, and enum
// values known. It returns the body without the keys that the type lacks.
func conform(body []byte, t reflect.Type) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var value any
	if err := dec.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("trailing characters at offset %d", dec.InputOffset())
	}
	if err := conformValue(value, t); err != nil {
		return nil, err
	}
	exact, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return exact, json.Unmarshal(exact, reflect.New(t).Interface())
}

func conformValue(value any, t reflect.Type) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch v := value.(type) {
	case map[string]any:
		if t.Kind() == reflect.Struct {
			return conformObject(v, t)
		}
	case []any:
		if t.Kind() == reflect.Slice {
			for _, item := range v {
				if err := conformValue(item, t.Elem()); err != nil {
					return err
				}
			}
		}
	case json.Number:
		if strings.HasPrefix(v.String(), "-") && t.Kind() != reflect.Interface {
			return fmt.Errorf("invalid value: integer `%s`, expected an unsigned one", v)
		}
	case string:
		return conformEnum(v, t)
	}
	return nil
}

func conformObject(object map[string]any, t reflect.Type) error {
	known := map[string]bool{}
	for i := range t.NumField() {
		name, rest, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		known[name] = true
		value, ok := object[name]
		if !ok || value == nil {
			if !strings.Contains(rest, "omitempty") {
				return fmt.Errorf("missing field `%s`", name)
			}
			continue
		}
		if err := conformValue(value, t.Field(i).Type); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for name := range object {
		if !known[name] {
			delete(object, name)
		}
	}
	return nil
}

// conformEnum uses the Valid method that generated enum types have.
func conformEnum(text string, t reflect.Type) error {
	if t.Kind() != reflect.String {
		return nil
	}
	enum, ok := reflect.ValueOf(text).Convert(t).Interface().(interface{ Valid() bool })
	if ok && !enum.Valid() {
		return fmt.Errorf("unknown variant `%s`", text)
	}
	return nil
}
