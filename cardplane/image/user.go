package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"slices"

	"github.com/erofs/go-erofs"
	"github.com/moby/sys/user"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/cardplane/cardplane/openapi/apierr"
)

// maxUserFile bounds /etc/passwd and /etc/group.
const maxUserFile = 4 << 20

// ResolveUser implements [cardplane.ImageService].
func (s *Store) ResolveUser(ctx context.Context, id, spec string, groups []string) (specs.User, error) {
	b, err := s.Block(ctx, id)
	if err != nil {
		return specs.User{}, err
	}
	f, err := os.Open(b.Path)
	if err != nil {
		return specs.User{}, fmt.Errorf("image %s: %w", id, err)
	}
	resolved, err := resolveUser(f, id, spec, groups)
	return resolved, errors.Join(err, f.Close())
}

func resolveUser(block io.ReaderAt, id, spec string, groups []string) (specs.User, error) {
	root, err := erofs.Open(block)
	if err != nil {
		return specs.User{}, fmt.Errorf("image %s: %w", id, err)
	}
	passwd, err := readUserFile(root, "etc/passwd")
	if err != nil {
		return specs.User{}, fmt.Errorf("image %s: %w", id, err)
	}
	group, err := readUserFile(root, "etc/group")
	if err != nil {
		return specs.User{}, fmt.Errorf("image %s: %w", id, err)
	}
	found, err := user.GetExecUser(spec, nil, bytes.NewReader(passwd), bytes.NewReader(group))
	if err != nil {
		return specs.User{}, apierr.New(apierr.InvalidArgument, "user_not_found",
			"user %q cannot be resolved in image %s: %w; give a user of the image or numbers, as in 1000:1000", spec, id, err)
	}
	further, err := user.GetAdditionalGroups(groups, bytes.NewReader(group))
	if err != nil {
		return specs.User{}, apierr.New(apierr.InvalidArgument, "group_not_found",
			"the groups %q cannot be resolved in image %s: %w; give groups of the image or numbers", groups, id, err)
	}
	slices.Sort(further) // they come in no order
	for _, gid := range further {
		if !slices.Contains(found.Sgids, gid) {
			found.Sgids = append(found.Sgids, gid)
		}
	}
	return execUser(found, spec)
}

// readUserFile returns the content of a file of the image, nothing if it is
// missing or no regular file. Symbolic links are followed within the image.
func readUserFile(root fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(root, name)
	if err != nil || !info.Mode().IsRegular() {
		// An image may put a broken link or a device there; it then has no
		// users, and names cannot be resolved.
		return nil, nil
	}
	if info.Size() > maxUserFile {
		return nil, tooLarge("/%s has %d bytes, the limit is %d", name, info.Size(), maxUserFile)
	}
	return fs.ReadFile(root, name)
}

func execUser(u *user.ExecUser, spec string) (specs.User, error) {
	ids := append([]int{u.Uid, u.Gid}, u.Sgids...)
	for _, n := range ids {
		if n < 0 || n > math.MaxUint32-1 {
			return specs.User{}, apierr.New(apierr.InvalidArgument, "user_not_found",
				"user %q resolves to the id %d, which is out of range; give another user", spec, n)
		}
	}
	resolved := specs.User{UID: uint32(u.Uid), GID: uint32(u.Gid)}
	for _, n := range u.Sgids {
		resolved.AdditionalGids = append(resolved.AdditionalGids, uint32(n))
	}
	return resolved, nil
}
