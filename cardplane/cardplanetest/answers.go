package cardplanetest

import (
	"reflect"
	"strings"

	"github.com/cardplane/cardplane/openapi/apierr"
)

// answer is what a request with an idempotency key has made.
type answer struct{ request, made any }

// answered returns what a request with key has made, nil if the key is new or
// none. m.mu is held.
func answered[T any](m *Memory, key string, request any) (*T, error) {
	known, ok := m.answers[key]
	if !ok {
		return nil, nil
	}
	if !reflect.DeepEqual(known.request, request) {
		return nil, apierr.New(apierr.FailedPrecondition, "idempotency_key_reused", "the idempotency key was used for another request; use a new key")
	}
	made := known.made.(T)
	return &made, nil
}

// rememberLocked keeps what a request has made, if it has a key.
func (m *Memory) rememberLocked(key string, request, made any) {
	if !strings.HasSuffix(key, "/") {
		m.answers[key] = answer{request, made}
	}
}
