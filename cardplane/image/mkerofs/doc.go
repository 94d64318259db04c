// Package mkerofs writes EROFS filesystem images: uncompressed, 4096-byte
// blocks, readable by Linux 5.15 and later.
//
// It works in two steps, so that neither file contents nor a temporary copy of
// them are ever needed. [NewPlan] takes a tree of inodes whose sizes are known
// and decides where everything lies. Then [Plan.WriteMetadata] and, in any
// order, [Plan.WriteFile] for each regular file put the bytes in their places.
// The result depends on the tree and the options alone, never on the order of
// the writes.
//
// The image begins with the superblock in a block of its own, then come the
// inodes with what is stored beside them (extended attributes, chunk maps, the
// last partial block of files, directories and symbolic links), then the data
// blocks:
//
//	block 0      superblock at byte 1024
//	block 1…     inodes; a node id is a byte offset in the image over 32
//	…            data blocks of directories and files
//
// The format is described in the Linux kernel's
// Documentation/filesystems/erofs.rst and fs/erofs/erofs_fs.h. Names in this
// package follow the latter.
//
// Why not the Writer of github.com/erofs/go-erofs, whose reader serves the
// rest of the store: it gives each name of a hard-linked file an inode and a
// copy of the data of its own, stores the holes of sparse files as zeros, and
// wants a file's content, or a copy of it in a temporary file, when the file is
// added.
package mkerofs
