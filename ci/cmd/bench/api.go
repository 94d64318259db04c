package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/cardplane/cardplane/ci/harness"
	"github.com/cardplane/cardplane/openapi/cardapi"
	sdk "github.com/cardplane/cardplane/openapi/sdk/go"
)

const (
	// stored is how many containers are in the store when it is full.
	stored = 1000
	// apiCalls is how often each operation is called.
	apiCalls = 500
)

// api prints how long a list and an inspect take with one and with many
// containers in the store, and what these cost cardplaned in memory.
func api(ctx context.Context, s *harness.Stack) (err error) {
	client, err := sdk.New(s.Endpoint())
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	var ids []string
	defer func() { err = errors.Join(err, removeAll(ctx, s, ids)) }()
	before, err := residentMB(s.CardPID())
	if err != nil {
		return err
	}
	for _, n := range []int{1, stored} {
		begun, missing := time.Now(), n-len(ids)
		made, err := createMany(ctx, s, missing)
		ids = append(ids, made...)
		if err != nil {
			return err
		}
		each := time.Since(begun) / time.Duration(missing)
		fmt.Printf("API with %d created containers (a create took %.1f ms)\n", n, float64(each.Microseconds())/1000)
		if err := timeCalls(ctx, client, ids[n/2]); err != nil {
			return err
		}
	}
	after, err := residentMB(s.CardPID())
	fmt.Printf("cardplaned resident          %.1f MB before, %.1f MB with %d stored containers\n", before, after, stored)
	return err
}

// timeCalls prints the times of lists and of an inspect, with their answers
// read to the end.
func timeCalls(ctx context.Context, client *sdk.Client, id string) error {
	list := func(limit int) func() (*http.Response, error) {
		all := true
		return func() (*http.Response, error) {
			return client.API.ListContainers(ctx, &cardapi.ListContainersParams{All: &all, Limit: &limit})
		}
	}
	for _, call := range []struct {
		name string
		do   func() (*http.Response, error)
	}{
		{"inspect", func() (*http.Response, error) { return client.API.GetContainer(ctx, id, nil) }},
		{"list, a page of 100", list(100)},
		{"list, a page of 1000", list(stored)},
	} {
		var times sample
		for range apiCalls {
			begun := time.Now()
			resp, err := call.do()
			body, err := client.Open(ctx, resp, err)
			if err != nil {
				return err
			}
			if _, err := io.Copy(io.Discard, body); err != nil {
				return err
			}
			_ = body.Close()
			times = append(times, time.Since(begun))
		}
		fmt.Printf("  %-26s p50 %.2f ms, p99 %.2f ms\n", call.name, times.percentile(50), times.percentile(99))
	}
	return nil
}

// percentile returns the time that so many percent stay under, in ms.
func (s sample) percentile(percent int) float64 {
	sorted := slices.Sorted(slices.Values(s))
	return float64(sorted[(len(sorted)-1)*percent/100].Microseconds()) / 1000
}
