package cardplane

import (
	"context"
	"io"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// ImageService keeps OCI images on the card and turns each into one read-only
// block file that every VM of that image shares.
//
// # Vocabulary
//
// An image is an OCI image configuration with its layers. Its ID is the
// digest of the configuration, "sha256:" and 64 hexadecimal digits; it never
// changes. A name is a normalised reference with a tag, such as
// "docker.io/library/redis:latest"; it points at one image and can be moved to
// another. A repository digest, "docker.io/library/redis@sha256:…", says where
// an image was pulled from; it is never moved. A block file is a filesystem
// (EROFS) that holds the merged layers of an image; images with the same
// layers share one.
//
// # Lifecycle
//
// Load and Pull either add a whole image, block file included, or nothing:
// when one returns an error, or the process dies in it, nothing is left that
// [ImageService.List] shows and nothing that takes disk space after the next
// start, but for a bounded amount of blobs that a broken pull has begun; the
// next pull goes on with them. Both may be repeated freely; what is already there is not fetched or
// built again, and callers that ask for the same thing at the same time share
// one piece of work. When the last of them goes away (its ctx is done) the
// work stops.
//
// # Use and removal
//
// A block file must not vanish under a container. A caller that starts using
// an image first records its use where [RemoveOptions].InUse will see it, and
// then calls Block. With this order a concurrent Remove either sees the record
// and refuses, or wins and makes Block report image_not_found.
//
// # Errors
//
// Every error that a user can cause or mend is an apierr.Error:
//
//	image_not_found          no such name or id here, or no such manifest in the registry
//	ambiguous_id             an id prefix fits more than one image
//	invalid_reference        the text is no image reference
//	image_corrupt            a digest does not match, a tar is cut short, a layer cannot be applied
//	image_format_unknown     the stream is neither a docker-archive nor an OCI layout
//	image_wrong_architecture no image for linux and the wanted architecture
//	image_too_large          a configured limit is exceeded
//	image_in_use             a container uses the image
//	image_has_names          removal by id would remove several names
//	user_not_found           the image's /etc/passwd or /etc/group lacks the name
//	registry_unavailable     the registry cannot be reached or fails
//	registry_unauthorized    the registry refuses the credentials
//	registry_credentials_unreadable
//	                         the docker configuration or a credential helper of the card is broken
//	disk_full                the card's disk is full
//
// All methods are safe for concurrent use.
type ImageService interface {
	// Load reads a docker-archive or an OCI layout in a tar, either of them
	// plain or compressed with gzip or zstd, to its end and adds every image
	// in it for linux and the wanted architecture.
	Load(ctx context.Context, r io.Reader, opts LoadOptions) ([]Image, error)

	// Pull fetches ref from its registry and adds the image. A short
	// reference is completed as docker does: "redis" is
	// "docker.io/library/redis:latest". A reference by digest that is already
	// here needs no network.
	Pull(ctx context.Context, ref string, opts PullOptions) (Image, error)

	// List returns images, the newest first.
	List(ctx context.Context, filter ImageFilter) ([]Image, error)

	// Get returns the image that nameOrID names: a reference, complete or
	// short, an ID, or a prefix of an ID that fits no other image.
	Get(ctx context.Context, nameOrID string) (Image, error)

	// Remove takes a name away, and with its last name the image. With an ID
	// or a prefix of one it removes the image, which may have at most one name
	// unless opts.Force is set. An image that is in use stays, forced or not,
	// and so does its last name. What no other image needs is deleted from the
	// disk.
	Remove(ctx context.Context, nameOrID string, opts RemoveOptions) (RemovedImage, error)

	// Tag gives the image that nameOrID names one more name, short or
	// complete. An image that had the name loses it.
	Tag(ctx context.Context, nameOrID, name string) (Image, error)

	// Untag takes a name from an image, which stays without names too.
	Untag(ctx context.Context, nameOrID, name string) (Image, error)

	// History says how an image was made, as it claims, the latest step first.
	History(ctx context.Context, nameOrID string) ([]HistoryEntry, error)

	// Save returns a tar from which images can be loaded again, with the same
	// digests. It lives as long as it is not closed, and keeps the images'
	// files meanwhile. Only one that is read to io.EOF is whole.
	Save(ctx context.Context, opts SaveOptions) (io.ReadCloser, error)

	// Prune removes the images that opts selects and that nothing uses, and
	// what broken pulls have left. What it has removed is gone although it
	// fails.
	Prune(ctx context.Context, opts ImagePruneOptions) (Pruned, error)

	// DiskUsage says what images and broken pulls take on the card's disk, when
	// the images with the given full IDs are in use.
	DiskUsage(ctx context.Context, used []string) ([]DiskUsage, error)

	// Block returns the block file of the image with the given full ID. It
	// builds the file from the image's layers where it is missing.
	Block(ctx context.Context, id string) (BlockFile, error)

	// ResolveUser turns user, in the form of the "User" field of an image
	// configuration ("", "redis", "1000", "redis:users", "1000:100"), into
	// numbers with the help of /etc/passwd and /etc/group of the image with
	// the given full ID, and so the further groups, which are names or
	// numbers. It sets no umask. Errors: user_not_found, group_not_found.
	ResolveUser(ctx context.Context, id, user string, groups []string) (specs.User, error)

	// Close cancels the work under way, waits for its end and releases the
	// store. Later calls fail.
	Close() error
}

// Image describes an image on the card.
type Image struct {
	// ID is the digest of the image configuration, "sha256:<hex>".
	ID string `json:"id"`
	// Names are the normalised references with a tag, sorted.
	Names []string `json:"names"`
	// RepoDigests are the references by digest under which the image was
	// pulled, sorted.
	RepoDigests []string `json:"repoDigests"`
	// Created is the creation time that the image claims; it may be zero.
	Created time.Time `json:"created"`
	// Architecture is the CPU architecture as Go names it (GOARCH).
	Architecture string `json:"architecture"`
	// OS is always "linux".
	OS string `json:"os"`
	// Size is the length of the block file in bytes.
	Size int64 `json:"size"`
	// Config says how to run the image.
	Config ImageConfig `json:"config"`
}

// ImageConfig is the "config" object of an image configuration (OCI image
// specification, "OCI Image Configuration").
type ImageConfig struct {
	User         string            `json:"user,omitempty"`
	Env          []string          `json:"env,omitempty"`
	Entrypoint   []string          `json:"entrypoint,omitempty"`
	Cmd          []string          `json:"cmd,omitempty"`
	WorkingDir   string            `json:"workingDir,omitempty"`
	StopSignal   string            `json:"stopSignal,omitempty"`
	Shell        []string          `json:"shell,omitempty"` // of commands in shell form; /bin/sh -c where empty
	Healthcheck  *Healthcheck      `json:"healthcheck,omitempty"`
	Labels       map[string]string `json:"labels,omitempty"`
	ExposedPorts []string          `json:"exposedPorts,omitempty"` // "80/tcp", sorted
	Volumes      []string          `json:"volumes,omitempty"`      // absolute paths, sorted
}

// BlockFile is a filesystem in a file, to be attached read-only to any number
// of VMs. It never changes once it exists.
type BlockFile struct {
	// Path is absolute.
	Path string
	// Digest is the SHA-256 of the content, "sha256:<hex>".
	Digest string
	// Size is in bytes, a multiple of 4096.
	Size int64
}

// LoadOptions are the optional parameters of [ImageService.Load].
type LoadOptions struct {
	// Progress may be nil. It is told nothing while the archive is read.
	Progress ProgressFunc
}

// PullOptions are the optional parameters of [ImageService.Pull].
type PullOptions struct {
	// Progress may be nil. It is told nothing before the registry has answered.
	Progress ProgressFunc
	// Credentials are used instead of those that the card's own docker
	// configuration and credential helpers hold for the registry. They may be
	// nil and are not stored.
	Credentials *RegistryCredentials
}

// RegistryCredentials authenticate to one registry: a user name and a
// password, or one of the tokens alone.
type RegistryCredentials struct {
	Username string
	Password string
	// Token is a bearer token that the registry itself takes.
	Token string
	// IdentityToken is an OAuth2 refresh token, which the registry's token
	// server exchanges for a bearer token.
	IdentityToken string
}

// RemoveOptions are the optional parameters of [ImageService.Remove].
type RemoveOptions struct {
	// Force removes an image by ID with all its names.
	Force bool
	// InUse reports whether something uses the image with the given full ID,
	// and the name of one such thing ("container web"). It is called with no
	// lock held and may call any method of the service. A nil InUse means that
	// nothing is in use.
	InUse func(ctx context.Context, id string) (user string, inUse bool, err error)
}

// RemovedImage says what a removal took away.
type RemovedImage struct {
	// Untagged are the names and repository digests that are gone, sorted.
	Untagged []string
	// Deleted are the IDs of the images that are gone.
	Deleted []string
}
