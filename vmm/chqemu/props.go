package chqemu

import (
	"fmt"
	"strings"
)

// prop is one property of a QEMU object: a string, bool or integer. A dot in
// the key leads into a nested object.
type prop struct {
	key   string
	value any
}

// props are an object's properties in the order in which they are shown.
type props []prop

// set returns p with one property more.
func (p props) set(key string, value any) props { return append(p, prop{key, value}) }

// when returns p with one property more if condition holds.
func (p props) when(condition bool, key string, value any) props {
	if !condition {
		return p
	}
	return p.set(key, value)
}

// argument renders p as the argument of an option such as -device. Commas in
// values are doubled, which is how QEMU quotes them.
func (p props) argument() string {
	parts := make([]string, len(p))
	for i, each := range p {
		parts[i] = each.key + "=" + strings.ReplaceAll(text(each.value), ",", ",,")
	}
	return strings.Join(parts, ",")
}

func text(value any) string {
	switch v := value.(type) {
	case bool:
		if v {
			return "on"
		}
		return "off"
	default:
		return fmt.Sprint(v)
	}
}

// object renders p as the arguments of a QMP command.
func (p props) object() map[string]any {
	out := map[string]any{}
	for _, each := range p {
		at := out
		path := strings.Split(each.key, ".")
		for _, name := range path[:len(path)-1] {
			next, ok := at[name].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[name] = next
			}
			at = next
		}
		at[path[len(path)-1]] = each.value
	}
	return out
}
