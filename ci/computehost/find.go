package computehost

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// EnvCloudHypervisor names the Cloud Hypervisor to use, where it is not in
// PATH.
const EnvCloudHypervisor = "CARDPLANE_CLOUD_HYPERVISOR"

// CloudHypervisor finds the program on this machine. The error says where to
// get it.
func CloudHypervisor() (string, error) {
	name := "cloud-hypervisor"
	if named := os.Getenv(EnvCloudHypervisor); named != "" {
		name = named
	}
	found, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%w; get version 53 or later from https://github.com/cloud-hypervisor/cloud-hypervisor/releases "+
			"or your distribution, put it in PATH or name it in %s", err, EnvCloudHypervisor)
	}
	return filepath.Abs(found)
}
