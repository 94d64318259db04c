package harness

import "testing"

func TestOfStack(t *testing.T) {
	vmm := []string{"cloud-hypervisor"}
	for line, want := range map[string]int{
		"12 CARDPLANE_VM=/run/cp-1/vm/ab /usr/bin/cloud-hypervisor -v \n": 12,
		"13 CARDPLANE_VM=/run/cp-2/vm/ab /usr/bin/cloud-hypervisor -v \n": 0,
		"14 - /usr/bin/vmmd --run-dir /run/cp-1 --data-dir /x \n":         0,
		"15 - cloud-hypervisor --api-socket /run/cp-1/vm/a \n":            15,
		"16 - \n": 0,
		"\n":      0,
	} {
		if pid, ok := ofStack(line, "cp-1", vmm); ok != (want != 0) || ok && pid != want {
			t.Errorf("%q: %d, %t", line, pid, ok)
		}
	}
	if pid, ok := ofStack("14 - /usr/bin/vmmd --run-dir /run/cp-1 --data-dir /x \n", "cp-1", nil); !ok || pid != 14 {
		t.Error("vmmd is not found")
	}
}
