package apimodel_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// fill sets every field of a value to something that is not zero, so that a
// field which a translation forgets shows.
func fill(v reflect.Value, seed *int64) {
	*seed++
	switch v.Kind() {
	case reflect.String:
		v.SetString("s" + string(rune('a'+*seed%26)))
	case reflect.Int, reflect.Int64, reflect.Int32:
		v.SetInt(*seed)
	case reflect.Uint32, reflect.Uint16, reflect.Uint8:
		v.SetUint(uint64(*seed))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), seed)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), seed)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("k"), reflect.ValueOf("v"))
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(*seed, 0).UTC()))
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).Name != "Cause" {
				fill(v.Field(i), seed)
			}
		}
	}
}

func roundTrip[D, A any](t *testing.T, to func(D) A, from func(A) D, adjust func(*D)) {
	t.Helper()
	var want D
	seed := int64(0)
	fill(reflect.ValueOf(&want).Elem(), &seed)
	if adjust != nil {
		adjust(&want)
	}
	if got := from(to(want)); !reflect.DeepEqual(got, want) {
		t.Errorf("%T:\n got %+v\nwant %+v", want, got, want)
	}
	var zero D
	if got := from(to(zero)); !reflect.DeepEqual(from(to(got)), got) {
		t.Errorf("%T: the zero value is not stable: %+v", zero, got)
	}
}

func TestNothingIsLost(t *testing.T) {
	roundTrip(t, apimodel.SpecToAPI, apimodel.SpecFromAPI, nil)
	roundTrip(t, apimodel.ConfigToAPI, apimodel.ConfigFromAPI, func(c *cardplane.Content) { c.Kind = cardplane.KindConfig })
	roundTrip(t, apimodel.SecretToAPI, apimodel.SecretFromAPI, func(c *cardplane.Content) { c.Kind, c.Data = cardplane.KindSecret, nil })
	roundTrip(t, apimodel.ContentSpecToAPI, apimodel.ContentSpecFromAPI, nil)
	roundTrip(t, apimodel.ExecSpecToAPI, apimodel.ExecSpecFromAPI, nil)
	roundTrip(t, apimodel.LogRecordToAPI, apimodel.LogRecordFromAPI, nil)
	roundTrip(t, apimodel.ImageToAPI, apimodel.ImageFromAPI, nil)
	roundTrip(t, apimodel.RemovedImageToAPI, apimodel.RemovedImageFromAPI, nil)
	roundTrip(t, apimodel.EventToAPI, apimodel.EventFromAPI, nil)
	roundTrip(t, apimodel.VersionToAPI, apimodel.VersionFromAPI, nil)
	roundTrip(t, apimodel.SizeToAPI, apimodel.SizeFromAPI, nil)
	roundTrip(t, apimodel.ExecToAPI, apimodel.ExecFromAPI, func(e *cardplane.Exec) { e.Running = false })
	roundTrip(t, apimodel.ContainerToAPI, apimodel.ContainerFromAPI, func(c *cardplane.Container) {
		c.State, c.Revision = cardplane.Exited, "" // which is a header
		c.Error.Class = apierr.Unavailable
		for i := range c.Timings {
			c.Timings[i].Duration = 1500 * time.Microsecond
		}
	})
}

// A nil command keeps the image's; an empty one clears it.
func TestNilAndEmptyDiffer(t *testing.T) {
	for _, command := range [][]string{nil, {}} {
		spec := apimodel.SpecFromAPI(apimodel.SpecToAPI(cardplane.ContainerSpec{Command: command}))
		if (spec.Command == nil) != (command == nil) {
			t.Errorf("%#v became %#v", command, spec.Command)
		}
	}
}

func TestExitCodeBelongsToExited(t *testing.T) {
	for _, state := range []cardplane.State{cardplane.Created, cardplane.Running, cardplane.Failed} {
		if c := apimodel.ContainerToAPI(cardplane.Container{State: state}); c.ExitCode != nil {
			t.Errorf("%s has an exit code", state)
		}
	}
	if c := apimodel.ContainerToAPI(cardplane.Container{State: cardplane.Exited}); c.ExitCode == nil {
		t.Error("exit code 0 is left out")
	}
}

func TestHealthy(t *testing.T) {
	checks := []cardplane.Check{{Status: cardplane.CheckWarn}, {Status: cardplane.CheckOK}}
	if !apimodel.ChecksToAPI(checks).Healthy {
		t.Error("a warning is no failure")
	}
	if apimodel.ChecksToAPI(append(checks, cardplane.Check{Status: cardplane.CheckFail})).Healthy {
		t.Error("a failure is one")
	}
}
