package cli

import (
	"reflect"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/cardplane"
)

func TestContentFlags(t *testing.T) {
	uid, gid := uint32(33), uint32(0)
	var spec cardplane.ContainerSpec
	f := contentFlags{
		configs: []string{"app.conf", "source=app.conf,target=/etc/app.conf,mode=0440", "x,target=y"},
		secrets: []string{"key,type=mount,uid=33,gid=0", "src=key,dst=tls/key"},
	}
	if err := f.apply(&spec); err != nil {
		t.Fatal(err)
	}
	configs := []cardplane.ContentMount{{Name: "app.conf"}, {Name: "app.conf", Path: "/etc/app.conf", Mode: "0440"}, {Name: "x", Path: "/y"}}
	secrets := []cardplane.ContentMount{{Name: "key", UID: &uid, GID: &gid}, {Name: "key", Path: "/run/secrets/tls/key"}}
	if !reflect.DeepEqual(spec.Configs, configs) || !reflect.DeepEqual(spec.Secrets, secrets) {
		t.Errorf("%+v, %+v", spec.Configs, spec.Secrets)
	}
	for text, remedy := range map[string]string{
		"": "NAME", "target=/x": "NAME", "key,uid=root": "uid=root", "key,gid=-1": "gid=-1", "key,gid=4294967296": "gid=",
		"key,size=1": "use source", "key,type=env": "read the file",
	} {
		if _, err := contentMounts("secret", "/", []string{text}); err == nil || !strings.Contains(err.Error(), remedy) {
			t.Errorf("--secret %s: %v", text, err)
		}
	}
}

func FuzzContentFlag(f *testing.F) {
	for _, text := range []string{"key", "key,target=/x", "source=a,uid=1,gid=2,mode=0400", ",,=", "key,target="} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := parseContent(cardplane.SecretsDir, text)
		if err == nil && (m.Name == "" || m.Path != "" && !strings.HasPrefix(m.Path, "/")) {
			t.Errorf("%q is %+v", text, m)
		}
	})
}
