package container

import "math/rand/v2"

// The words of which names are made up for containers that are given none.
var (
	adjectives = []string{
		"amber", "ample", "brave", "brisk", "calm", "clear", "deft", "eager",
		"early", "fair", "fleet", "fresh", "gentle", "glad", "grand", "hardy",
		"jolly", "keen", "kind", "light", "lively", "loyal", "lucid", "merry",
		"mild", "neat", "noble", "plain", "prime", "quick", "quiet", "rapid",
		"ready", "sharp", "sleek", "smart", "solid", "spry", "steady", "still",
		"sturdy", "sunny", "swift", "tidy", "trim", "true", "vivid", "warm",
	}
	nouns = []string{
		"alder", "aspen", "badger", "beech", "birch", "brook", "cedar", "cliff",
		"cloud", "crane", "creek", "delta", "dune", "eagle", "elm", "falcon",
		"fern", "finch", "fjord", "gale", "grove", "harbor", "hawk", "hazel",
		"heron", "hill", "ibis", "island", "jay", "lake", "lark", "linden",
		"lynx", "maple", "marsh", "meadow", "oak", "otter", "pine", "plover",
		"reef", "ridge", "robin", "sparrow", "spruce", "stone", "wren", "willow",
	}
)

// randomName returns one of two thousand names.
func randomName() string {
	return adjectives[rand.IntN(len(adjectives))] + "-" + nouns[rand.IntN(len(nouns))]
}
