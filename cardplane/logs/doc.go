// Package logs keeps the output journal of a container: every byte that its
// programs wrote to stdout and stderr, with the time at which the card
// received it, across all runs of the container, as far back as its limits
// reach.
//
// # Contract
//
// A [Journal] has one writer, the container's output pump, and any number of
// readers. The pump asks [Journal.RunOffset] where to resume, appends, and
// only then acknowledges to the guest: what the guest has freed is in the
// journal. Appends survive the death of the process; they are synced to disk
// when a file is full and when a run ends, so that a power cut of the card may
// lose the tail of a running container's output, and nothing else.
//
// A journal keeps its newest files and deletes older ones, so that no
// container can fill the card's disk. A reader that falls behind goes on with
// the oldest file that is left, and says how much it has lost.
//
// # Files
//
// Records have positions, counted in bytes over all files from the first ever
// written. A file is named after its first position and holds whole records:
//
//	header (36 bytes, little endian)      data        trailer
//	crc32 kind -- length time lost offset  <length>    length of the record
//
// The checksum covers all behind it. The first record of a file is a
// checkpoint: all that the records before it amount to, so that only the last
// file is read when a journal is opened. A record that is cut short or
// damaged, as a power cut leaves it, ends the journal: [Open] truncates it
// there. The trailer lets a reader walk backwards from the end to find the
// last lines without reading everything.
package logs
