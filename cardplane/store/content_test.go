package store_test

import (
	"path/filepath"
	"testing"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
)

func TestContents(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := open(t, path)
	secret := cardplane.Content{ID: "1", Kind: cardplane.KindSecret, Name: "key", Version: 1, Data: []byte("hunter2")}
	config := cardplane.Content{ID: "2", Kind: cardplane.KindConfig, Name: "key", Version: 1, Data: []byte("text")}
	for _, c := range []cardplane.Content{secret, config} {
		if err := s.CreateContent(c, store.Remember("k", "request", c, true)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.CreateContent(secret); !apierr.Is(err, "secret_exists") {
		t.Errorf("a second time: %v", err)
	}
	secret.Version, secret.Data = 2, []byte("new")
	if err := s.UpdateContent(secret); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	if all, err := s.LoadContents(cardplane.KindSecret); err != nil || len(all) != 1 || all[0].Version != 2 || all[0].Data != nil {
		t.Errorf("%+v, %v", all, err)
	}
	if c, err := s.Content(cardplane.KindSecret, "key"); err != nil || string(c.Data) != "new" {
		t.Errorf("%+v, %v", c, err)
	}
	var answer cardplane.Content
	if found, _, err := s.Answer("k", "request", &answer); !found || err != nil || answer.Data != nil {
		t.Errorf("an answer has the data: %+v, %v", answer, err)
	}
	if err := s.RemoveContent(secret); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Content(cardplane.KindSecret, "key"); !apierr.Is(err, "secret_not_found") {
		t.Errorf("removed: %v", err)
	}
	if c, err := s.Content(cardplane.KindConfig, "key"); err != nil || string(c.Data) != "text" {
		t.Errorf("the config of that name: %+v, %v", c, err)
	}
}
