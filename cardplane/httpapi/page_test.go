package httpapi_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/cardplane/cardplane/openapi/cardapi"
)

func (f *fixture) page(target string) cardapi.ContainerList {
	f.t.Helper()
	w := f.do("GET", target, "")
	var list cardapi.ContainerList
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || w.Code != 200 {
		f.t.Fatalf("%d %s", w.Code, w.Body)
	}
	return list
}

// Pages join without a gap or a repetition, although containers come and go
// between them.
func TestPages(t *testing.T) {
	f := newFixture(t)
	var want []string
	for i := range 25 {
		want = append(want, f.create(fmt.Sprintf(`{"image":"test","labels":{"n":"%d"}}`, i)))
	}
	first := f.page("/v1/containers?all=true&limit=10")
	if len(first.Items) != 10 || first.NextCursor == nil {
		t.Fatalf("%d items", len(first.Items))
	}
	// The item that the cursor points at, and one beyond, vanish.
	for _, i := range []int{9, 12} {
		if w := f.do("DELETE", "/v1/containers/"+want[i], ""); w.Code != 204 {
			t.Fatal(w.Body)
		}
	}
	got := ids(first)
	for next := first.NextCursor; next != nil; {
		list := f.page("/v1/containers?all=true&limit=10&cursor=" + *next)
		got = append(got, ids(list)...)
		next = list.NextCursor
	}
	want = slices.Delete(want, 12, 13)
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestPageEdges(t *testing.T) {
	f := newFixture(t)
	if list := f.page("/v1/containers?all=true"); list.Items == nil || len(list.Items) != 0 || list.NextCursor != nil {
		t.Errorf("%+v", list)
	}
	for range 2 {
		f.create(`{"image":"test","labels":{"a":"b"}}`)
	}
	if list := f.page("/v1/containers?all=true&limit=2"); len(list.Items) != 2 || list.NextCursor != nil {
		t.Errorf("an exact page has a next one: %+v", list)
	}
	if list := f.page("/v1/containers?all=true&label=a%3Db&label=a"); len(list.Items) != 2 {
		t.Errorf("%+v", list)
	}
	if list := f.page("/v1/containers"); len(list.Items) != 0 {
		t.Errorf("created containers do not run: %+v", list)
	}
}

func ids(list cardapi.ContainerList) []string {
	var out []string
	for _, c := range list.Items {
		out = append(out, c.Id)
	}
	return out
}
