package store_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// answer reads the answer to a key; empty if there is none.
func answer(t *testing.T, s *store.Store, key string, request any) (text string, done bool) {
	t.Helper()
	found, done, err := s.Answer(key, request, &text)
	if err != nil {
		t.Fatal(err)
	}
	if found != (text != "") {
		t.Errorf("found %v: %q", found, text)
	}
	return text, done
}

func TestAnswers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := open(t, path)
	if err := s.Create(record("a1", "one"), store.Remember("key", "request", "first", false)); err != nil {
		t.Fatal(err)
	}
	if text, done := answer(t, s, "key", "request"); text != "first" || done {
		t.Errorf("%q %v", text, done)
	}
	if err := s.Update(store.Remember("key", "request", "first", true)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	if text, done := answer(t, s, "key", "request"); text != "first" || !done {
		t.Errorf("after a restart %q %v", text, done)
	}
	var text string
	if _, _, err := s.Answer("key", "another", &text); !apierr.Is(err, "idempotency_key_reused") {
		t.Errorf("other request: %v", err)
	}
	// What is not recorded leaves no answer.
	if err := s.Create(record("b2", "one"), store.Remember("key2", "request", "second", true)); !apierr.Is(err, "name_taken") {
		t.Fatal(err)
	}
	if text, _ := answer(t, s, "key2", "request"); text != "" {
		t.Errorf("a create that failed is answered with %q", text)
	}
	if err := s.Update(store.Forget("key"), store.Forget("key2")); err != nil {
		t.Fatal(err)
	}
	if text, _ := answer(t, s, "key", "another"); text != "" {
		t.Errorf("forgotten, but %q", text)
	}
}

// Only so many answers are kept, and only for so long.
func TestAnswersAreBounded(t *testing.T) {
	const most = 4096
	s := open(t, filepath.Join(t.TempDir(), "state.db"))
	var changes []store.Change
	for i := range most + 10 {
		changes = append(changes, store.Remember(fmt.Sprint("key", i), i, "x", true))
	}
	if err := s.Update(changes...); err != nil {
		t.Fatal(err)
	}
	first, _ := answer(t, s, "key9", 9)
	kept, _ := answer(t, s, "key10", 10)
	if first != "" || kept == "" || count(t, s) != most {
		t.Errorf("the tenth %q, the eleventh %q, %d in all", first, kept, count(t, s))
	}
	age(t, s, "key10", 25*time.Hour)
	if old, _ := answer(t, s, "key10", 10); old != "" {
		t.Errorf("old, but %q", old)
	}
	if err := s.Update(store.Remember("key10", 10, "y", true)); err != nil {
		t.Fatal(err)
	}
	if text, _ := answer(t, s, "key10", 10); text != "y" || count(t, s) != most {
		t.Errorf("%q, %d in all", text, count(t, s))
	}
}

func count(t *testing.T, s *store.Store) (n int) {
	t.Helper()
	err := s.DB().View(func(tx *bbolt.Tx) error {
		n = tx.Bucket([]byte("answers")).Stats().KeyN
		if times := tx.Bucket([]byte("answer times")).Stats().KeyN; times != n {
			t.Errorf("%d answers have %d times", n, times)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// age makes an answer older than it is.
func age(t *testing.T, s *store.Store, key string, by time.Duration) {
	t.Helper()
	err := s.DB().Update(func(tx *bbolt.Tx) error {
		answers, times := tx.Bucket([]byte("answers")), tx.Bucket([]byte("answer times"))
		var v map[string]any
		if err := json.Unmarshal(answers.Get([]byte(key)), &v); err != nil {
			return err
		}
		at, err := time.Parse(time.RFC3339Nano, v["at"].(string))
		if err != nil {
			return err
		}
		if err := times.Delete(store.AnswerTime(at, key)); err != nil {
			return err
		}
		at = at.Add(-by)
		v["at"] = at
		raw, err := json.Marshal(v)
		if err != nil {
			return err
		}
		if err := times.Put(store.AnswerTime(at, key), []byte(key)); err != nil {
			return err
		}
		return answers.Put([]byte(key), raw)
	})
	if err != nil {
		t.Fatal(err)
	}
}
