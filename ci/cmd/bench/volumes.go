package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/ci/diskbench"
	"github.com/cardplane/cardplane/ci/harness"
)

// diskBytes is the length of the file that is measured, in bytes, and
// diskRounds how often it is.
const diskBytes, diskRounds = 128 << 20, 3

// volumes compares a file on a volume, in a guest, with one beside the volume on
// the host, and times the attachment of a volume.
func volumes(ctx context.Context, s *harness.Stack) error {
	program, remove, err := buildProbe(ctx)
	if err != nil {
		return err
	}
	defer remove()
	onHost := fmt.Sprintf("%s disk %d %s", program, diskBytes, path.Join(s.HostData(), "bench-file"))
	places := []struct {
		name string
		do   func() ([]byte, error)
	}{
		{"host", func() ([]byte, error) { out, err := s.OnHost(onHost); return []byte(out), err }},
		{"volume", func() ([]byte, error) {
			return output(s.Cardctl(ctx, "run", "--rm", "-v", "bench:/data", "demo/probe", "/probe", "disk", fmt.Sprint(diskBytes), "/data/file"))
		}},
	}
	times := make([][4]sample, len(places))
	for range diskRounds {
		for i, p := range places {
			out, err := p.do()
			if err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			var r diskbench.Result
			if err := json.Unmarshal(out, &r); err != nil {
				return fmt.Errorf("%s: %q: %w", p.name, out, err)
			}
			for k, rate := range [4]float64{r.Write / 1e6, r.Read / 1e6, r.RandomWrite, r.RandomRead} {
				times[i][k] = append(times[i][k], time.Duration(float64(time.Second)/rate))
			}
		}
	}
	for k, what := range []string{"write in order, MB/s", "read in order, MB/s", "write 4 KiB at random, /s", "read 4 KiB at random, /s"} {
		host, volume := times[0][k], times[1][k]
		fmt.Printf("%-28s %.0f on a volume, %.0f on the host\n  ratio                      %v\n", what, 1/volume.median().Seconds(), 1/host.median().Seconds(), paired(host, volume))
	}
	if err := mountTimes(ctx, s); err != nil {
		return err
	}
	_, err = output(s.Cardctl(ctx, "volume", "rm", "bench"))
	return err
}

// mountTimes times the coming and going of a volume of a container that runs.
func mountTimes(ctx context.Context, s *harness.Stack) error {
	_, err := withContainer(ctx, s, probe("forever"), func(id string) (struct{}, error) {
		return struct{}{}, comeAndGo("a volume", func() error {
			_, err := s.Client.Containers().AttachVolume(ctx, id, cardplane.VolumeMount{Volume: "bench", Path: "/data"})
			return err
		}, func() error {
			_, err := s.Client.Containers().DetachVolume(ctx, id, "bench")
			return err
		})
	})
	return err
}
