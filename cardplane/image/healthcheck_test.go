package image

import (
	"reflect"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/cardplane/cardplane/cardplane"
)

func TestHealthcheck(t *testing.T) {
	for config, want := range map[string]*cardplane.Healthcheck{
		`{}`:                                    nil,
		`{"Healthcheck":{}}`:                    nil,
		`{"Healthcheck":{"Test":["CMD"]}}`:      nil,
		`{"Healthcheck":{"Test":["CMD",""]}}`:   nil,
		`{"Healthcheck":{"Test":["CURL","x"]}}`: nil,
		`{"Healthcheck":{"Test":"CMD x"}}`:      nil,
		`{"Healthcheck":{"Test":["NONE"]}}`:     {Disabled: true},
		`{"Healthcheck":{"Test":["CMD","a","b"],"Interval":1000000000,"Timeout":2000000000,"StartPeriod":3000000000,"StartInterval":4000000000,"Retries":5}}`: {
			Command: []string{"a", "b"}, Interval: time.Second, Timeout: 2 * time.Second, StartPeriod: 3 * time.Second, StartInterval: 4 * time.Second, Retries: 5},
		`{"Healthcheck":{"Test":["CMD-SHELL","a | b"],"Interval":1,"Timeout":-1,"StartPeriod":9223372036854775807,"Retries":-5}}`: {Shell: "a | b"},
	} {
		if got := healthcheck([]byte(`{"config":` + config + `}`)); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", config, got, want)
		}
	}
}

// An image says its health check and its shell.
func TestLoadedHealthcheck(t *testing.T) {
	img := newImage(t, packTar(t, "a", "1"))
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config := file.Config
	config.Shell = []string{"/bin/bash", "-c"}
	config.Healthcheck = &v1.HealthConfig{Test: []string{"CMD-SHELL", "true"}, Interval: time.Minute}
	if img, err = mutate.Config(img, config); err != nil {
		t.Fatal(err)
	}
	got := mustLoad(t, openStore(t), dockerArchive(t, "checked:v1", img))
	want := &cardplane.Healthcheck{Shell: "true", Interval: time.Minute}
	if !reflect.DeepEqual(got.Config.Healthcheck, want) || !reflect.DeepEqual(got.Config.Shell, config.Shell) {
		t.Errorf("got %+v", got.Config)
	}
}
