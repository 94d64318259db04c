package validate

import (
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// compiler turns raw parts into checked ones. schemas holds the named schemas
// already compiled, which makes recursive ones possible.
type compiler struct {
	raw     *rawDocument
	schemas map[string]*schema
}

func (c *compiler) operation(method, path string, item *rawPath, op *rawOperation) (*Operation, error) {
	out := &Operation{ID: op.ID, Method: method, Path: path, Tags: op.Tags}
	var err error
	if out.Deprecated, out.Sunset, err = op.dates(); err != nil {
		return nil, err
	}
	for _, raw := range append(append([]rawParameter{}, item.Parameters...), op.Parameters...) {
		p, err := c.parameter(raw)
		if err != nil {
			return nil, err
		}
		out.parameters = append(out.parameters, p)
	}
	if op.Body == nil {
		return out, nil
	}
	out.body, err = c.body(*op.Body)
	return out, err
}

func (c *compiler) parameter(raw rawParameter) (parameter, error) {
	if raw.Ref != "" {
		name, err := refName(raw.Ref, "parameters")
		if err != nil {
			return parameter{}, err
		}
		target, ok := c.raw.Components.Parameters[name]
		if !ok {
			return parameter{}, fmt.Errorf("there is no parameter %q", raw.Ref)
		}
		return c.parameter(target)
	}
	s, err := c.schema(&raw.Schema)
	if err != nil {
		return parameter{}, fmt.Errorf("parameter %s: %w", raw.Name, err)
	}
	return parameter{name: raw.Name, in: raw.In, required: raw.Required, schema: s}, nil
}

func (c *compiler) body(raw rawBody) (*body, error) {
	if raw.Ref != "" {
		name, err := refName(raw.Ref, "requestBodies")
		if err != nil {
			return nil, err
		}
		target, ok := c.raw.Components.Bodies[name]
		if !ok {
			return nil, fmt.Errorf("there is no request body %q", raw.Ref)
		}
		return c.body(target)
	}
	for mediaType, content := range raw.Content {
		out := &body{required: raw.Required, mediaType: mediaType}
		if mediaType != "application/json" {
			return out, nil
		}
		var err error
		if out.schema, err = c.schema(&content.Schema); err != nil {
			return nil, fmt.Errorf("request body: %w", err)
		}
		return out, nil
	}
	return nil, fmt.Errorf("request body has no content")
}

func (c *compiler) schema(node *yaml.Node) (*schema, error) {
	if node.IsZero() {
		return nil, fmt.Errorf("schema is missing")
	}
	var raw rawSchema
	if err := node.Decode(&raw); err != nil {
		return nil, err
	}
	if raw.Ref != "" {
		return c.named(raw.Ref)
	}
	out := new(schema)
	return out, c.fill(out, &raw)
}

func (c *compiler) named(ref string) (*schema, error) {
	if s, ok := c.schemas[ref]; ok {
		return s, nil
	}
	name, err := refName(ref, "schemas")
	if err != nil {
		return nil, err
	}
	node, ok := c.raw.Components.Schemas[name]
	if !ok {
		return nil, fmt.Errorf("there is no schema %q", ref)
	}
	var raw rawSchema
	if err := node.Decode(&raw); err != nil {
		return nil, fmt.Errorf("schema %s: %w", name, err)
	}
	if raw.Ref != "" {
		return c.named(raw.Ref)
	}
	out := new(schema)
	c.schemas[ref] = out
	if err := c.fill(out, &raw); err != nil {
		return nil, fmt.Errorf("schema %s: %w", name, err)
	}
	return out, nil
}

// fill makes out what raw says.
func (c *compiler) fill(out *schema, raw *rawSchema) error {
	for keyword := range raw.Unknown {
		if !strings.HasPrefix(keyword, "x-") {
			return fmt.Errorf("schema keyword %q is not supported by package validate", keyword)
		}
	}
	*out = schema{
		kind: raw.Type, format: raw.Format, nullable: raw.Nullable, enum: raw.Enum,
		minLength: raw.MinLength, maxLength: raw.MaxLength, minimum: raw.Minimum, maximum: raw.Maximum,
		required: raw.Required, maxProperties: raw.MaxProps,
		minItems: raw.MinItems, maxItems: raw.MaxItems, unique: raw.Unique, refused: raw.Refused, secret: raw.WriteOnly,
	}
	if raw.Pattern != "" {
		var err error
		if out.pattern, err = regexp.Compile(raw.Pattern); err != nil {
			return err
		}
	}
	if len(raw.Properties) > 0 {
		out.properties = make(map[string]*schema, len(raw.Properties))
	}
	for name, node := range raw.Properties {
		if _, refused := raw.Refused[name]; refused {
			return fmt.Errorf("%s is a property and in x-refused", name)
		}
		s, err := c.schema(&node)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		out.properties[name] = s
	}
	return c.fillElements(out, raw)
}

// fillElements compiles the schemas of array items and of free properties.
func (c *compiler) fillElements(out *schema, raw *rawSchema) error {
	var err error
	if raw.Type == "array" {
		if out.items, err = c.schema(&raw.Items); err != nil {
			return fmt.Errorf("items: %w", err)
		}
	}
	switch {
	case raw.Additional.IsZero():
	case raw.Additional.Kind == yaml.ScalarNode:
		return raw.Additional.Decode(&out.open)
	default:
		if out.additional, err = c.schema(&raw.Additional); err != nil {
			return fmt.Errorf("additionalProperties: %w", err)
		}
	}
	return nil
}
