package cardplane

// ImageStep is a part of the work that brings an image to the card.
type ImageStep string

// The steps of a pull; a load has the last two.
const (
	// StepCached stands for a blob, or the block file of an image, that the
	// card has already.
	StepCached ImageStep = "cached"
	// StepFetch is the transfer of a blob from its registry.
	StepFetch ImageStep = "fetch"
	// StepVerify reads the layers, compares their digests and merges their
	// names.
	StepVerify ImageStep = "verify"
	// StepBuild writes the block file.
	StepBuild ImageStep = "build"
)

// ImageProgress says how far a step has got. It supersedes what was said
// before of the same step and subject.
type ImageProgress struct {
	Step ImageStep
	// Subject is the digest of a blob or the ID of an image.
	Subject string
	// Current and Total are in bytes. The step is done when they are equal.
	Current, Total int64
}

// ProgressFunc receives the progress of an operation, in the goroutine that
// called the operation. While it blocks the work goes on, and it is then told
// the latest state alone.
type ProgressFunc func(ImageProgress)
