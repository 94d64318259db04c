// Package image is the card's image store: it implements
// [cardplane.ImageService] in a directory.
//
// # What is on the disk
//
//	lock                      held (flock) by the process that has the store open
//	index.json                the images and names: the one file that says what exists
//	blobs/sha256/<hex>        manifests, configurations and layers as they came,
//	                          each named by its SHA-256; no index manifests
//	block/<hex>.erofs         block files, each named by its SHA-256, mode 0444
//	partial/<hex>             blobs of which broken pulls have got a beginning
//	tmp/<operation>-<random>/ work of one operation
//
// An operation makes files below tmp, syncs them, renames them to their names
// and last of all replaces index.json. Blobs and block files that index.json
// does not lead to are garbage: they are removed when the operation that
// brought them fails, when an image is removed, and by [Open], which also
// empties tmp. So a crash at any instant loses at most the operation under
// way, and what index.json leads to is whole.
//
// Parts of blobs are the exception: a pull that breaks keeps them, up to
// [Limits].Parts in all and the youngest first, and a later one asks the
// registry for the rest. They are trusted with nothing. Their last byte is
// always fetched, by which the registry says that this pull may have the blob,
// and a part whose whole has the wrong digest is fetched again.
//
// # What is checked
//
// Nothing that comes from an archive or a registry is used before its digest
// has been computed and compared: the manifest's (where something names it),
// the configuration's, each layer's as stored and each layer's uncompressed
// (diff_id). An image is added only when all of them match and its block file
// is built. Sizes are bounded by [Limits] before memory or disk is spent.
//
// # How a block file is made
//
// The layers are read twice. The first pass checks each diff_id and merges
// names and metadata in memory (package layer); from the sizes follows the
// place of every byte (package mkerofs); the second pass writes each file's
// content straight to its place. No file content is held in memory or
// written anywhere else.
package image
