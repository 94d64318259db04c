package image

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/cardplane/cardplane/cardplane/image/layer"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// userError gives err, which came up while doing something, the class and the
// code under which a user sees it. Errors that have one already, and those of
// a context, stay as they are.
func (s *Store) userError(err error, doing string) error {
	var known *apierr.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, errClosed):
		return err
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return diskFull(s.options.Dir, doing, err)
	case errors.As(err, &known):
		return err
	case errors.Is(err, layer.ErrTooLarge):
		return tooLarge("%w", err)
	case errors.Is(err, layer.ErrCorrupt):
		return corrupt("%w", err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func diskFull(dir, doing string, cause error) error {
	err := apierr.New(apierr.ResourceExhausted, "disk_full",
		"the disk of the image store %s became full while %s; free space there, for example by removing images, and try again", dir, doing)
	err.Cause = cause
	return err
}

// corrupt reports an image that is not what its digests or its format say.
func corrupt(format string, args ...any) *apierr.Error {
	return apierr.New(apierr.InvalidArgument, "image_corrupt",
		"the image is corrupt: "+format+"; make or fetch it again", args...)
}

func tooLarge(format string, args ...any) *apierr.Error {
	return apierr.New(apierr.InvalidArgument, "image_too_large",
		"the image exceeds a limit of the card: "+format+"; make it smaller or raise the limit", args...)
}

func formatUnknown(format string, args ...any) *apierr.Error {
	return apierr.New(apierr.InvalidArgument, "image_format_unknown",
		"the input is no image archive: "+format+"; give a tar made by docker save, or an OCI image layout", args...)
}

func notFound(name string) *apierr.Error {
	return apierr.New(apierr.NotFound, "image_not_found",
		"there is no image %q on the card; load it from an archive or pull it from its registry", name)
}

func ambiguous(prefix string, ids []string) *apierr.Error {
	return apierr.New(apierr.InvalidArgument, "ambiguous_id",
		"the id %q fits %d images: %s; give more of its digits", prefix, len(ids), strings.Join(ids, ", "))
}

func invalidReference(ref string, err error) *apierr.Error {
	return apierr.New(apierr.InvalidArgument, "invalid_reference",
		"%q is no image reference: %w; write it as [registry/]name[:tag] or name@sha256:digest", ref, err)
}

func wrongArchitecture(what string, have []string, want string) *apierr.Error {
	return apierr.New(apierr.InvalidArgument, "image_wrong_architecture",
		"%s is for %s, and the machines here run linux/%s; get it for that platform", what, strings.Join(have, ", "), want)
}
