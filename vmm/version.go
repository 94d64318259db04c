package vmm

import (
	"strconv"
	"strings"

	"github.com/cardplane/cardplane/openapi/apierr"
)

// MinVersion is the lowest major version whose behaviour this package knows.
const MinVersion = 53

// checkVersion compares the major part of a version such as "53.0.0" or
// "v53.1" with MinVersion.
func checkVersion(version string) error {
	major, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	n, err := strconv.Atoi(major)
	if err != nil {
		return apierr.New(apierr.NotSupported, "vmm_too_old", "the VMM reports the version %q, which has no number in it; install version %d or later", version, MinVersion)
	}
	if n < MinVersion {
		return apierr.New(apierr.NotSupported, "vmm_too_old", "the VMM has version %s; install version %d or later", version, MinVersion)
	}
	return nil
}
