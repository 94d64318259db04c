package doctor

import (
	"errors"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/openapi/hostapi"
)

// lack is an error with a remedy.
type lack struct{ fatal bool }

func (lack) Error() string            { return "no users" }
func (l lack) Remedy() (string, bool) { return "mend it", l.fatal }

func TestIsolation(t *testing.T) {
	for name, tc := range map[string]struct {
		check  hostapi.Check
		status hostapi.CheckStatus
		want   string
	}{
		"users":          {checkUsers("5-9", nil), hostapi.Ok, "5-9"},
		"no users":       {checkUsers("", lack{}), hostapi.Warn, "no users"},
		"closed":         {checkUsers("", lack{true}), hostapi.Fail, "no users"},
		"cgroup":         {checkCgroup(nil), hostapi.Ok, "limits"},
		"no cgroup":      {checkCgroup(errors.New("lacks cpu")), hostapi.Warn, "lacks cpu"},
		"landlock":       {checkLandlock(7, nil), hostapi.Ok, "version 7"},
		"old landlock":   {checkLandlock(3, nil), hostapi.Ok, "TCP"},
		"no landlock":    {checkLandlock(0, errors.New("none")), hostapi.Warn, "none"},
		"seccomp":        {checkSeccomp(file(t, "kill_process trap errno")), hostapi.Ok, "filter"},
		"no seccomp":     {checkSeccomp(absent), hostapi.Warn, absent},
		"odd seccomp":    {checkSeccomp(file(t, "allow")), hostapi.Warn, "allow"},
		"huge pages":     {checkHugePages(3, nil), hostapi.Ok, "3 are free"},
		"no huge pages":  {checkHugePages(0, nil), hostapi.Ok, "vm.nr_hugepages"},
		"not even known": {checkHugePages(0, errors.New("no such thing")), hostapi.Ok, "no such thing"},
	} {
		if c := tc.check; c.Status != tc.status || !strings.Contains(c.Detail, tc.want) || (c.Status == hostapi.Ok) != (c.Remedy == "") {
			t.Errorf("%s: %+v", name, c)
		}
	}
}
