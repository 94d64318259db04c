package image

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

func TestDiskUsage(t *testing.T) {
	s := openStore(t)
	base := packTar(t, "base", strings.Repeat("b", 50_000))
	one := mustLoad(t, s, dockerArchive(t, "one", newImage(t, base)))
	mustLoad(t, s, dockerArchive(t, "two", newImage(t, base, packTar(t, "more", strings.Repeat("m", 90_000)))))
	if err := os.WriteFile(s.path(partDir, "left"), make([]byte, 5000), 0o600); err != nil {
		t.Fatal(err)
	}
	measure := func(used ...string) (images, partial cardplane.DiskUsage) {
		usage, err := s.DiskUsage(context.Background(), used)
		if err != nil || len(usage) != 2 {
			t.Fatal(usage, err)
		}
		return usage[0], usage[1]
	}
	none, partial := measure()
	if none.Count != 2 || none.Active != 0 || none.Size < 190_000 || none.Reclaimable != none.Size {
		t.Errorf("none in use: %+v", none)
	}
	if partial.Count != 1 || partial.Size < 5000 || partial.Reclaimable != partial.Size {
		t.Errorf("partial pulls: %+v", partial)
	}
	some, _ := measure(one.ID)
	if some.Active != 1 || some.Size != none.Size || some.Reclaimable >= some.Size || some.Reclaimable < 90_000 {
		t.Errorf("one in use: %+v", some)
	}
	// What is said to be reclaimable is what a prune reclaims.
	pruned, err := s.Prune(context.Background(), cardplane.ImagePruneOptions{All: true,
		InUse: func(_ context.Context, id string) (string, bool, error) { return "x", id == one.ID, nil }})
	if err != nil {
		t.Fatal(err)
	}
	after, _ := measure(one.ID)
	if after.Reclaimable != 0 || pruned.Bytes < some.Reclaimable+partial.Reclaimable-8192 {
		t.Errorf("pruned %+v of %+v, left %+v", pruned, some, after)
	}
}

// TestCollectionSparesUsers lets images come and be pruned while others begin
// to use them, in the order that the service asks for. Whoever has got a block
// file keeps it, and in the end nothing is left that nobody uses.
func TestCollectionSparesUsers(t *testing.T) {
	s := openStore(t)
	var archives [][]byte
	for n := range 3 {
		archives = append(archives, dockerArchive(t, fmt.Sprint("image", n), newImage(t, packTar(t, "base", "b"), packTar(t, "own", strings.Repeat(fmt.Sprint(n), 5000)))))
	}
	var mu sync.Mutex
	users := make(map[string]int)
	inUse := func(_ context.Context, id string) (string, bool, error) {
		mu.Lock()
		defer mu.Unlock()
		return "user", users[id] > 0, nil
	}
	use := func(id string, by int) {
		mu.Lock()
		defer mu.Unlock()
		users[id] += by
	}
	ctx := context.Background()
	var workers sync.WaitGroup
	for n := range 6 {
		workers.Go(func() {
			random := rand.New(rand.NewPCG(uint64(n), 1))
			for range 25 {
				images, err := s.Load(ctx, bytes.NewReader(archives[random.IntN(len(archives))]), cardplane.LoadOptions{})
				if err != nil {
					// A prune may win between the load and its answer.
					if !apierr.Is(err, "image_not_found") {
						t.Error(err)
					}
					continue
				}
				id := images[0].ID
				use(id, 1)
				b, err := s.Block(ctx, id)
				switch {
				case err == nil:
					if _, err := s.Prune(ctx, cardplane.ImagePruneOptions{All: true, InUse: inUse}); err != nil {
						t.Error(err)
					}
					if _, err := os.Stat(b.Path); err != nil {
						t.Errorf("a user's block file: %v", err)
					}
				case !apierr.Is(err, "image_not_found"):
					t.Error(err)
				}
				use(id, -1)
			}
		})
	}
	workers.Wait()
	if _, err := s.Prune(ctx, cardplane.ImagePruneOptions{All: true, InUse: inUse}); err != nil {
		t.Error(err)
	}
	wantEmpty(t, s)
}
