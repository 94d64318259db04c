// Package layer merges the layers of an OCI image (tar streams) into one tree
// and finds the contents of its files again.
//
// A [Merger] reads every layer once, the lowest first, and keeps names and
// metadata but no contents. When the tree is laid out in an image, [Extract]
// reads a layer a second time and hands out the contents of those files that
// no higher layer has hidden. So memory depends on the number of files and not
// on their sizes, and disk space is needed for the result alone.
//
// The rules are those of the OCI image specification, "Image Layer Filesystem
// Changeset", and where it is silent those of containerd's and docker's
// unpackers:
//
//   - Entries are applied in order; a later entry of the same name wins. A
//     directory over a directory changes its metadata and keeps its children;
//     anything else replaces what is there with all that is below it.
//   - ".wh.NAME" removes NAME as far as lower layers made it, and
//     ".wh..wh..opq" does so with everything in its directory, wherever in the
//     layer they stand. Other names that begin with ".wh..wh." are
//     bookkeeping of AUFS and are skipped.
//   - A character device 0:0, overlayfs's own mark of a name that was removed,
//     makes no name, and takes away what had it.
//   - Names are relative to the root whether they begin with "/", "./" or
//     neither. A name that climbs above the root with ".." is refused.
//   - Parents that are missing are made: owned by root, mode 0755, time 0.
//   - Symbolic links in the parents of a name are followed as chroot(2) would:
//     they never lead out of the root.
//   - A hard link makes a second name for the same inode; the metadata in its
//     own header is ignored, because the inode has one set of it.
//
// Extended attributes that Linux has no place for on a read-only filesystem
// are dropped, and so are those that overlayfs keeps for itself
// ("trusted.overlay.", "user.overlay."): an image must not steer the overlay
// mount that it becomes the lower layer of.
package layer
