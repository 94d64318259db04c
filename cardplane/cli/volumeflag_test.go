package cli

import (
	"reflect"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/cardplane"
)

func TestVolumeMounts(t *testing.T) {
	got, err := volumeMounts([]string{"data:/srv/", "logs:/var/log:ro"},
		[]string{"type=volume,src=data,dst=/x,volume-subpath=a/b,readonly", "source=data,target=/y,ro=false"})
	want := []cardplane.VolumeMount{
		{Volume: "data", Path: "/srv"}, {Volume: "logs", Path: "/var/log", ReadOnly: true},
		{Volume: "data", Path: "/x", Subpath: "a/b", ReadOnly: true}, {Volume: "data", Path: "/y"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for text, remedy := range map[string]string{
		"/srv:/srv": "no file system in common; mount a volume", "./x:/y": "cardctl cp", "data": "NAME:PATH", "data:/x:z": "ro or rw", "a:b:c:d": "NAME:PATH",
	} {
		if _, err := volumeMounts([]string{text}, nil); err == nil || !strings.Contains(err.Error(), remedy) {
			t.Errorf("--volume %s: %v", text, err)
		}
	}
	for text, remedy := range map[string]string{
		"type=bind,source=/x,target=/y": "no file system in common; mount a volume", "type=virtiofs,source=/x,target=/y": "cardctl cp", "type=npipe,source=/x,target=/y": "type=volume", "type=volume,target=/y": "source=NAME",
		"source=a": "target=PATH", "source=a,target=/b,z=1": "unknown",
	} {
		if _, err := volumeMounts(nil, []string{text}); err == nil || !strings.Contains(err.Error(), remedy) {
			t.Errorf("--mount %s: %v", text, err)
		}
	}
}
