package chvmm

import (
	"strings"
	"testing"
)

func TestParseSnapshotConfig(t *testing.T) {
	cfg, err := parseSnapshotConfig([]byte(`{"payload":{"kernel":"/k"},"new_in_54":1,"disks":[{"id":"a","path":"/a"}]}`))
	if err != nil || cfg.Memory.Size != defaultMemory || cfg.Disks[0].QueueSize != defaultDiskQueue {
		t.Fatalf("%+v %v", cfg, err)
	}
	if _, err := parseSnapshotConfig([]byte(`{"memory":{}}`)); err == nil || !strings.Contains(err.Error(), "missing field `size`") {
		t.Fatal(err)
	}
}

func FuzzParseSnapshotConfig(f *testing.F) {
	f.Add([]byte(`{"payload":{"kernel":"/k"},"disks":[{"path":"/a"}],"cpus":{"boot_vcpus":1,"max_vcpus":1}}`))
	f.Add([]byte(`{"vsock":{"cid":3,"socket":"/v"},"net":[{}],"memory":{"size":-1}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		cfg, err := parseSnapshotConfig(text)
		if err != nil {
			return
		}
		_ = validate(cfg)
		clone(cfg)
	})
}
