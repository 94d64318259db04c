package store_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
)

var updateGolden = flag.Bool("update", false, "write testdata anew")

func open(t *testing.T, path string) *store.Store {
	t.Helper()
	s, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func record(id, name string) store.Record {
	return store.Record{Container: cardplane.Container{ID: id, Name: name, State: cardplane.Created, CreatedAt: time.Unix(1700000000, 0).UTC()}}
}

func mustCreate(t *testing.T, s *store.Store, rec store.Record) {
	t.Helper()
	if err := s.Create(rec); err != nil {
		t.Fatal(err)
	}
}

func TestEpochGrowsAndIDStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	var id string
	for want := int64(1); want <= 3; want++ {
		s := open(t, path)
		if s.Epoch() != want {
			t.Errorf("epoch %d, want %d", s.Epoch(), want)
		}
		if id != "" && s.ID() != id {
			t.Errorf("id %q became %q", id, s.ID())
		}
		if id = s.ID(); len(id) != 8 {
			t.Errorf("id %q", id)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSecondOpenIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	open(t, path)
	if _, err := store.Open(path); !apierr.Is(err, "data_dir_in_use") {
		t.Fatalf("second open: %v", err)
	}
}

func TestNames(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "state.db"))
	rec := record("a1", "web")
	mustCreate(t, s, rec)
	if err := s.Create(record("b2", "web")); !apierr.Is(err, "name_taken") {
		t.Fatalf("taken name: %v", err)
	}
	if all, err := s.Load(); err != nil || len(all) != 1 {
		t.Fatalf("after a refused create: %v, %v", all, err)
	}
	if err := s.Remove(rec); err != nil {
		t.Fatal(err)
	}
	mustCreate(t, s, record("b2", "web"))
}

func TestLedgerChangesWithTheRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := open(t, path)
	rec := record("a1", "web")
	mustCreate(t, s, rec)
	vm := store.Resource{Kind: store.VM, ID: "x-1", Owner: "a1"}
	disk := store.Resource{Kind: store.Disk, ID: "x-a1", Owner: "a1"}
	rec.Container.State = cardplane.Starting
	if err := s.Save(rec, store.Claim(vm), store.Claim(disk)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	ledger, err := s.Ledger()
	if err != nil || len(ledger) != 2 || ledger[0].ID != disk.ID || ledger[1].Owner != "a1" {
		t.Fatalf("ledger %+v, %v", ledger, err)
	}
	if err := s.Remove(rec); err != nil {
		t.Fatal(err)
	}
	if ok, err := s.Claimed(store.VM, vm.ID); err != nil || !ok {
		t.Fatalf("the removal of a container must leave its claims: %v %v", ok, err)
	}
	if err := s.Update(store.Release(vm), store.Release(disk)); err != nil {
		t.Fatal(err)
	}
	if ledger, err := s.Ledger(); err != nil || len(ledger) != 0 {
		t.Fatalf("released, but %v, %v", ledger, err)
	}
}

func TestExecs(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "state.db"))
	for _, id := range []string{"a1", "a11"} { // one a prefix of the other
		mustCreate(t, s, record(id, id))
		if err := s.SaveExec(id, store.Exec{ID: "e1", Command: []string{id}, TTY: true}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Remove(record("a1", "a1")); err != nil {
		t.Fatal(err)
	}
	gone, err := s.LoadExecs("a1")
	if err != nil || len(gone) != 0 {
		t.Fatalf("execs of a removed container: %v %v", gone, err)
	}
	kept, err := s.LoadExecs("a11")
	if err != nil || len(kept) != 1 || !kept[0].TTY || kept[0].Command[0] != "a11" {
		t.Fatalf("execs: %+v %v", kept, err)
	}
}

// full is a record with every field set.
func full() store.Record {
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	return store.Record{
		Container: cardplane.Container{
			ID: "0123456789abcdef0123456789abcdef", Name: "web", SandboxID: "aabbccdd-0011223344556677",
			ImageID: "sha256:e3b0", State: cardplane.Failed, Reason: "none", CreatedAt: at, StartedAt: at, FinishedAt: at,
			ExitCode: 7, OOMKilled: true,
			Error:   apierr.New(apierr.Unavailable, "vm_lost", "lost").With([]string{"console: panic"}),
			Guest:   &cardplane.GuestInfo{Kernel: "6.12", BootID: "b", VMM: "ch-qemu", AgentVersion: "1"},
			Timings: []cardplane.Timing{{Step: "boot", Duration: time.Second}},
			Spec: cardplane.ContainerSpec{
				Image: "redis", Name: "web", Entrypoint: []string{"a"}, Command: []string{"b"},
				Env: map[string]string{"K": "V"}, WorkingDir: "/w", User: "u", Hostname: "h",
				Labels:       map[string]string{"l": "v"},
				Resources:    cardplane.Resources{VCPUs: 2, MemoryBytes: 1 << 28, StorageBytes: 1 << 30},
				ReadOnlyRoot: true, TTY: true, Stdin: true, TerminalSize: cardplane.TerminalSize{Rows: 24, Cols: 80},
				AutoRemove: true, StopSignal: "TERM", Logs: cardplane.LogPolicy{DropWhenFull: true, FileBytes: 1 << 20, Files: 3},
			},
		},
		Run: store.Run{DiskUsed: true, Exit: &store.Exit{Code: 7, OOMKilled: true, At: at}, KillAt: at},
	}
}

// What an older build has written must be read by every later one.
func TestFormatIsStable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := open(t, path)
	mustCreate(t, s, full())
	var raw []byte
	err := s.DB().View(func(tx *bbolt.Tx) error {
		raw = bytes.Clone(tx.Bucket([]byte("containers")).Get([]byte(full().Container.ID)))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, raw, "", "  "); err != nil {
		t.Fatal(err)
	}
	indented.WriteByte('\n')
	const golden = "testdata/container-v1.json"
	if *updateGolden {
		if err := os.WriteFile(golden, indented.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(indented.Bytes(), want) {
		t.Errorf("the stored form has changed; an old store would be misread:\n%s", indented.String())
	}
	all, err := s.Load()
	if err != nil || len(all) != 1 {
		t.Fatalf("load: %v %v", all, err)
	}
	if got := all[0]; !reflect.DeepEqual(got, full()) {
		t.Errorf("read back %+v\nwrote %+v", got, full())
	}
}

func TestUnknownVersionIsRefused(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "state.db"))
	err := s.DB().Update(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte("containers")).Put([]byte("a1"), []byte(`{"v":2}`))
	})
	if err != nil {
		t.Fatal(err)
	}
	if all, err := s.Load(); err == nil {
		t.Fatalf("read %+v from a newer version", all)
	}
}

// Each step of an exec is told once, and none of one that is forgotten.
func TestTellExec(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "state.db"))
	told := 0
	tell := func(step store.ExecStep) int {
		t.Helper()
		told = 0
		if err := s.Update(store.TellExec("a1", "e1", step, func(*bbolt.Tx) error { told++; return nil })); err != nil {
			t.Fatal(err)
		}
		return told
	}
	save := func() {
		t.Helper()
		if err := s.SaveExec("a1", store.Exec{ID: "e1", Command: []string{"true"}}); err != nil {
			t.Fatal(err)
		}
	}
	if tell(store.ExecStarted) != 0 {
		t.Error("an exec that is not there was told of")
	}
	save()
	for _, step := range []store.ExecStep{store.ExecStarted, store.ExecEnded} {
		if first, second := tell(step), tell(step); first != 1 || second != 0 {
			t.Errorf("step %d was told %d times, and %d times after that", step, first, second)
		}
		save() // asked for again
	}
	if tell(store.ExecStarted) != 0 {
		t.Error("the start was told after the end")
	}
	if all, err := s.LoadExecs("a1"); err != nil || len(all) != 1 || all[0].Told != store.ExecEnded {
		t.Errorf("%+v, %v", all, err)
	}
}
