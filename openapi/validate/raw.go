package validate

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The raw types mirror the parts of an OpenAPI document that matter for
// requests. Schemas stay YAML nodes until one is needed, so that response
// schemas may use any keyword.
type rawDocument struct {
	Paths      map[string]*rawPath `yaml:"paths"`
	Components struct {
		Parameters map[string]rawParameter `yaml:"parameters"`
		Bodies     map[string]rawBody      `yaml:"requestBodies"`
		Schemas    map[string]yaml.Node    `yaml:"schemas"`
	} `yaml:"components"`
}

type rawPath struct {
	Parameters []rawParameter           `yaml:"parameters"`
	Rest       map[string]*rawOperation `yaml:",inline"`
}

func (p *rawPath) operation(method string) *rawOperation { return p.Rest[method] }

type rawOperation struct {
	ID         string         `yaml:"operationId"`
	Tags       []string       `yaml:"tags"`
	Parameters []rawParameter `yaml:"parameters"`
	Body       *rawBody       `yaml:"requestBody"`

	Deprecated bool   `yaml:"deprecated"`
	Since      string `yaml:"x-deprecated-since"`
	Sunset     string `yaml:"x-sunset"`
}

type rawParameter struct {
	Ref      string    `yaml:"$ref"`
	Name     string    `yaml:"name"`
	In       string    `yaml:"in"`
	Required bool      `yaml:"required"`
	Schema   yaml.Node `yaml:"schema"`
}

type rawBody struct {
	Ref      string `yaml:"$ref"`
	Required bool   `yaml:"required"`
	Content  map[string]struct {
		Schema yaml.Node `yaml:"schema"`
	} `yaml:"content"`
}

// rawSchema lists every keyword that a request schema may use. The first
// group is checked; the second says nothing about validity.
type rawSchema struct {
	Ref        string               `yaml:"$ref"`
	Type       string               `yaml:"type"`
	Format     string               `yaml:"format"`
	Nullable   bool                 `yaml:"nullable"`
	Enum       []string             `yaml:"enum"`
	Pattern    string               `yaml:"pattern"`
	MinLength  *int                 `yaml:"minLength"`
	MaxLength  *int                 `yaml:"maxLength"`
	Minimum    *int64               `yaml:"minimum"`
	Maximum    *int64               `yaml:"maximum"`
	Required   []string             `yaml:"required"`
	Properties map[string]yaml.Node `yaml:"properties"`
	Additional yaml.Node            `yaml:"additionalProperties"`
	MaxProps   *int                 `yaml:"maxProperties"`
	Items      yaml.Node            `yaml:"items"`
	MinItems   *int                 `yaml:"minItems"`
	MaxItems   *int                 `yaml:"maxItems"`
	Unique     bool                 `yaml:"uniqueItems"`
	Refused    map[string]string    `yaml:"x-refused"`

	Title       string         `yaml:"title"`
	Description string         `yaml:"description"`
	Default     any            `yaml:"default"`
	Example     any            `yaml:"example"`
	Deprecated  bool           `yaml:"deprecated"`
	ReadOnly    bool           `yaml:"readOnly"`
	WriteOnly   bool           `yaml:"writeOnly"`
	Unknown     map[string]any `yaml:",inline"`
}

// refName returns the name at the end of a local reference.
func refName(ref, section string) (string, error) {
	name, ok := strings.CutPrefix(ref, "#/components/"+section+"/")
	if !ok {
		return "", fmt.Errorf("reference %q is not local to components/%s", ref, section)
	}
	return name, nil
}
