package snapshot

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/cardplane/cardplane/vmm/host/internal/space"
)

// Zeros give their blocks back, and the bytes of the file stay what they were.
func TestDig(t *testing.T) {
	const large = 16 * holeUnit
	random := rand.NewChaCha8([32]byte{})
	data := func(n int) []byte {
		b := make([]byte, n)
		_, _ = random.Read(b)
		return b
	}
	zeros := func(n int) []byte { return make([]byte, n) }
	for name, parts := range map[string][][]byte{
		"empty":        nil,
		"data":         {data(3 * large)},
		"zeros":        {zeros(3 * large)},
		"odd end":      {data(10), zeros(2*large + 5)},
		"data at ends": {data(1), zeros(4 * large), data(1)},
		"small gaps":   {data(holeUnit), zeros(holeUnit - 1), data(holeUnit), zeros(holeUnit / 2), data(1)},
	} {
		t.Run(name, func(t *testing.T) {
			want := bytes.Join(parts, nil)
			path := filepath.Join(t.TempDir(), "memory")
			if err := os.WriteFile(path, want, 0o600); err != nil {
				t.Fatal(err)
			}
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = f.Close() }()
			for range 2 { // the second time it has holes
				if err := dig(f); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%d bytes of %d, changed: %v", len(got), len(want), err)
			}
			info, err := f.Stat()
			if err != nil {
				t.Fatal(err)
			}
			if most := dataUnits(want); space.Allocated(info) > most {
				t.Errorf("takes %d bytes, for data of at most %d", space.Allocated(info), most)
			}
		})
	}
}

// dataUnits is what b takes at most once the whole units of zeros are free, in
// bytes.
func dataUnits(b []byte) int64 {
	var total int64
	for at := 0; at < len(b); at += holeUnit {
		unit := b[at:min(at+holeUnit, len(b))]
		if len(unit) < holeUnit || len(bytes.Trim(unit, "\x00")) > 0 {
			total += holeUnit
		}
	}
	return total
}
