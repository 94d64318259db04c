package httpapi

import (
	"strings"

	"github.com/cardplane/cardplane/cardplane"
)

// etag returns the entity tag of a container (RFC 9110 section 8.8.3).
func etag(c cardplane.Container) string { return `"` + c.Revision + `"` }

// revision returns what an If-Match header asks for, empty for any.
func revision(ifMatch *string) string { return strings.Trim(value(ifMatch), `*"`) }

// matches reports whether the tag of an If-None-Match header is c's.
func matches(tag string, c cardplane.Container) bool {
	return tag == "*" || strings.TrimPrefix(tag, "W/") == etag(c)
}
