package image

import (
	"cmp"

	"github.com/cardplane/cardplane/cardplane/image/layer"
)

// Limits bound what one image or one archive, and what is left of broken
// pulls, may cost the card.
type Limits struct {
	// Entries is the largest number of files in all layers together.
	Entries int64
	// Bytes is the largest size of all layers uncompressed, and of an archive.
	Bytes int64
	// Metadata is the largest sum of the lengths in bytes of all names, link
	// targets and extended attributes. While a block file is built they are
	// in memory.
	Metadata int64
	// Layers is the largest number of layers.
	Layers int
	// Manifest is the largest size of a manifest in bytes.
	Manifest int64
	// Config is the largest size of an image configuration in bytes.
	Config int64
	// Ratio is how many times larger than compressed an archive or a layer may
	// be, once it is larger than Inflated bytes. It stops early what would
	// cost hours of decompression and the disk up to Bytes.
	Ratio    int64
	Inflated int64
	// Parts is how many bytes of blobs are kept that broken pulls left.
	Parts int64
}

// DefaultLimits returns the limits that hold where none are given.
func DefaultLimits() Limits {
	return Limits{
		Entries:  2_000_000,
		Bytes:    100 << 30,
		Metadata: 512 << 20,
		Layers:   512,
		Manifest: 4 << 20,
		Config:   8 << 20,
		Ratio:    1000,
		Inflated: 4 << 30,
		Parts:    10 << 30,
	}
}

func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	return Limits{
		Entries:  cmp.Or(l.Entries, d.Entries),
		Bytes:    cmp.Or(l.Bytes, d.Bytes),
		Metadata: cmp.Or(l.Metadata, d.Metadata),
		Layers:   cmp.Or(l.Layers, d.Layers),
		Manifest: cmp.Or(l.Manifest, d.Manifest),
		Config:   cmp.Or(l.Config, d.Config),
		Ratio:    cmp.Or(l.Ratio, d.Ratio),
		Inflated: cmp.Or(l.Inflated, d.Inflated),
		Parts:    cmp.Or(l.Parts, d.Parts),
	}
}

func (l Limits) merge() layer.Limits {
	return layer.Limits{Entries: l.Entries, Bytes: l.Bytes, Metadata: l.Metadata}
}
