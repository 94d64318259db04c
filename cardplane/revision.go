package cardplane

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/cardplane/cardplane/openapi/apierr"
)

// revisionBytes is how much of a digest a revision shows.
const revisionBytes = 8

// WithRevision returns c with its Revision: the digest of its content, which
// needs no counter that a crash could set back.
func (c Container) WithRevision() Container {
	content, err := json.Marshal(c)
	if err != nil {
		panic(fmt.Sprintf("cardplane: a container cannot be encoded: %v", err)) // it holds plain data only
	}
	sum := sha256.Sum256(content)
	c.Revision = hex.EncodeToString(sum[:revisionBytes])
	return c
}

// CheckRevision fails with revision_mismatch if c is no longer at revision
// want. An empty want is any.
func (c Container) CheckRevision(want string) error {
	if want == "" || want == c.WithRevision().Revision {
		return nil
	}
	return apierr.New(apierr.FailedPrecondition, "revision_mismatch",
		"container %s has changed since it was read; read it again and repeat the request", c.Name)
}
