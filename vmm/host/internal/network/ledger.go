package network

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/internal/durable"
)

// ledger is a directory of records, one file each. A record is written before
// what it tells of is made, and removed after that is gone.
type ledger string

const recordSuffix = ".json"

func (l ledger) path(key string) string { return filepath.Join(string(l), key+recordSuffix) }

func (l ledger) put(key string, record any) error { return durable.ReplaceJSON(l.path(key), record) }

func (l ledger) remove(key string) error {
	if err := os.Remove(l.path(key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove record: %w", err)
	}
	return nil
}

// read calls each with a function that reads one record, for all records.
func (l ledger) read(each func(read func(any) error) error) error {
	if err := os.MkdirAll(string(l), 0o700); err != nil {
		return fmt.Errorf("make directory of records: %w", err)
	}
	entries, err := os.ReadDir(string(l))
	if err != nil {
		return fmt.Errorf("list records: %w", err)
	}
	for _, e := range entries {
		path := filepath.Join(string(l), e.Name())
		if !strings.HasSuffix(path, recordSuffix) {
			_ = os.Remove(path) // a write that was cut short
			continue
		}
		if err := each(func(record any) error { return durable.ReadJSON(path, record) }); err != nil {
			return fmt.Errorf("%w; move the file away if it is not needed", err)
		}
	}
	return nil
}

// networkRecord is what is known of a network.
type networkRecord struct {
	ID        string              `json:"id"`
	Spec      hostapi.NetworkSpec `json:"spec"`
	Bridge    string              `json:"bridge"`
	CreatedAt time.Time           `json:"createdAt"`
}

// nicKey names an interface. No id has a '+'.
type nicKey struct{ vm, name string }

func (k nicKey) String() string { return k.vm + "+" + k.name }

// nicRecord is what is known of a VM's interface.
type nicRecord struct {
	VM   string          `json:"vm"`
	Name string          `json:"name"`
	Spec hostapi.NICSpec `json:"spec"`
	Tap  string          `json:"tap"`
	// UID is the user that the VMM runs as.
	UID int `json:"uid"`
}

func (r nicRecord) key() nicKey { return nicKey{r.VM, r.Name} }

// forwardRecord is what is known of a forward.
type forwardRecord struct {
	ID        string              `json:"id"`
	Spec      hostapi.ForwardSpec `json:"spec"`
	HostPort  int                 `json:"hostPort"`
	CreatedAt time.Time           `json:"createdAt"`
}
