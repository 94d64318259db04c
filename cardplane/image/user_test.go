package image

import (
	"context"
	"reflect"
	"slices"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestResolveUser(t *testing.T) {
	const passwd = "root:x:0:0::/root:/bin/sh\nredis:x:999:999::/:/bin/sh\n# comment\nbad line\n"
	const group = "root:x:0:\nredis:x:999:\nusers:x:100:redis,other\nwheel:x:10:redis\n"
	s := openStore(t)
	id := mustLoad(t, s, dockerArchive(t, "x", newImage(t, packTar(t, "etc/passwd", passwd, "etc/group", group)))).ID
	tests := map[string]specs.User{
		"":             {},
		"root":         {},
		"redis":        {UID: 999, GID: 999, AdditionalGids: []uint32{100, 10}},
		"999":          {UID: 999, GID: 999, AdditionalGids: []uint32{100, 10}},
		"redis:users":  {UID: 999, GID: 100},
		"1000":         {UID: 1000},
		"1000:100":     {UID: 1000, GID: 100},
		"1000:wheel":   {UID: 1000, GID: 10},
		"2147483647:5": {UID: 1<<31 - 1, GID: 5},
	}
	for spec, want := range tests {
		got, err := s.ResolveUser(context.Background(), id, spec, nil)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, %v; want %+v", spec, got, err, want)
		}
	}
	for _, spec := range []string{"nobody", "redis:nogroup", "-1", "2147483648", "1:2147483648"} {
		_, err := s.ResolveUser(context.Background(), id, spec, nil)
		wantCode(t, err, "user_not_found")
	}
	got, err := s.ResolveUser(context.Background(), id, "redis", []string{"wheel", "77"})
	slices.Sort(got.AdditionalGids)
	if err != nil || !slices.Equal(got.AdditionalGids, []uint32{10, 77, 100}) {
		t.Errorf("further groups: %+v, %v", got, err)
	}
	for _, group := range []string{"nogroup", "-1", "2147483648"} {
		_, err := s.ResolveUser(context.Background(), id, "", []string{group})
		wantCode(t, err, "group_not_found")
	}
}

// TestResolveUserScratch: an image may have no /etc at all.
func TestResolveUserScratch(t *testing.T) {
	s := openStore(t)
	id := mustLoad(t, s, dockerArchive(t, "x", newImage(t, packTar(t, "a", "1")))).ID
	if got, err := s.ResolveUser(context.Background(), id, "5:6", nil); err != nil || got.UID != 5 || got.GID != 6 {
		t.Errorf("%+v, %v", got, err)
	}
	_, err := s.ResolveUser(context.Background(), id, "redis", nil)
	wantCode(t, err, "user_not_found")
}
