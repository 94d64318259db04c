package cardplane

import (
	"context"
	"fmt"
	"maps"
	"time"
)

// ContentKind tells configs and secrets apart.
type ContentKind string

// The kinds of content.
const (
	KindConfig ContentKind = "config"
	// KindSecret is content that nobody is given back: not by the API, and in no
	// log and no event.
	KindSecret ContentKind = "secret"
)

// Content is a small file for containers: a config or a secret.
type Content struct {
	// ID is 32 hexadecimal digits. Content that is made anew under an old name has
	// another.
	ID   string
	Kind ContentKind
	// Name is unique among those of its kind.
	Name      string
	SizeBytes int64
	// Version is 1 at first, and grows by one with every change of the content.
	Version   int64
	Labels    map[string]string
	CreatedAt time.Time
	// UpdatedAt is when the content was last changed.
	UpdatedAt time.Time
	// Data is the content of a config, in what Get returns alone.
	Data ContentData `json:"-"`
}

// ContentData is what a file holds. Printed, it shows its length alone, so that
// it comes into no log by chance.
type ContentData []byte

// Format implements [fmt.Formatter].
func (d ContentData) Format(s fmt.State, _ rune) { _, _ = fmt.Fprintf(s, "(%d bytes)", len(d)) }

// Bounds of content, and where containers have it.
const (
	// MaxContentBytes is the most that a config or secret can hold.
	MaxContentBytes = 512 << 10
	// MaxContentMounts is how many configs, and how many secrets, a container can
	// have.
	MaxContentMounts = 32
	// SecretsDir and ConfigsDir are directories of containers that are in memory.
	SecretsDir = "/run/secrets"
	ConfigsDir = "/run/configs"
	// DefaultConfigMode and DefaultSecretMode are the permissions of files for
	// which none are named.
	DefaultConfigMode = "0444"
	DefaultSecretMode = "0400"
)

// ContentSpec is what a user asks for.
type ContentSpec struct {
	Name string
	// Data has MaxContentBytes at most.
	Data   ContentData
	Labels map[string]string
}

// ContentUpdate is a change of content. Zero fields change nothing.
type ContentUpdate struct {
	// Data is the new content; nil keeps what there is.
	Data ContentData
	// Labels are set, or removed where the value is nil.
	Labels map[string]*string
}

// Relabelled returns labels as u changes them.
func (u ContentUpdate) Relabelled(labels map[string]string) map[string]string {
	out := maps.Clone(labels)
	for key, value := range u.Labels {
		switch {
		case value == nil:
			delete(out, key)
		case out == nil:
			out = map[string]string{key: *value}
		default:
			out[key] = *value
		}
	}
	return out
}

// ContentMount makes a config or a secret a file of a container.
type ContentMount struct {
	// Name is the config's or the secret's.
	Name string
	// Path is absolute and clean. Below SecretsDir and ConfigsDir the file itself is
	// there, elsewhere a symbolic link to it. Create makes it "/NAME" for a config
	// and a file of SecretsDir for a secret where it is empty.
	Path string `json:",omitempty"`
	// Mode is its permissions in octal, which Create fills in.
	Mode string `json:",omitempty"`
	// UID and GID own it; nil means those of the container's first process.
	UID, GID *uint32 `json:",omitempty"`
}

// Contents returns what the container has of a kind.
func (s ContainerSpec) Contents(kind ContentKind) []ContentMount {
	if kind == KindSecret {
		return s.Secrets
	}
	return s.Configs
}

// ContentFilter selects content in List. All of its parts must match.
type ContentFilter struct {
	// Labels and Names are as in ContainerFilter.
	Labels, Names []string
}

// Match reports whether f selects c.
func (f ContentFilter) Match(c Content) bool {
	return hasLabels(c.Labels, f.Labels) && hasName(f.Names, c.Name)
}

// ContentService keeps the configs, or the secrets. Every ref is a name or an id.
// Codes of errors begin with the kind: where it says config_exists here, it is
// secret_exists for secrets.
//
// # Use
//
// Content belongs to the containers that name it, running or not, and is not
// removed while there is one. In a container it is a file in the virtual machine's
// memory, which is on no disk of the compute host. Containers that run follow its
// changes: a file is replaced at once and whole, also when its container could not
// be reached at the time of the change.
//
// On the card the content is in the store, so that containers can be started
// again.
//
// Errors common to all methods: config_not_found.
//
// All methods are safe for concurrent use.
type ContentService interface {
	// Create records content. key makes it idempotent, as in ContainerService;
	// what is remembered for it of the content is a digest. Errors: config_exists,
	// invalid_name, content_too_large, idempotency_key_reused.
	Create(ctx context.Context, spec ContentSpec, key string) (Content, error)

	// Get returns one, a config with its Data.
	Get(ctx context.Context, ref string) (Content, error)

	// List returns all in order of creation, without Data.
	List(ctx context.Context, filter ContentFilter) ([]Content, error)

	// Update changes content and labels, and returns once the containers that run
	// have the new content. An error to do with those leaves the change as it is,
	// and they get it later. An update that changes nothing does nothing. Errors:
	// content_too_large, host_unavailable and those of the guest.
	Update(ctx context.Context, ref string, update ContentUpdate) (Content, error)

	// Prune removes all that filter selects and that no container names. After an
	// error Pruned says what is gone all the same.
	Prune(ctx context.Context, filter PruneFilter) (Pruned, error)

	// Remove deletes one. It fails with config_in_use while a container names it.
	Remove(ctx context.Context, ref string) error
}
