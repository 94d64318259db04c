package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"github.com/cardplane/cardplane/openapi/apierr"
)

const (
	// answerLife is how long the answer to a request with an idempotency key
	// is kept, and maxAnswers how many are.
	answerLife = 24 * time.Hour
	maxAnswers = 4096
)

// answerValue is what an idempotency key leads to.
type answerValue struct {
	versioned
	At time.Time `json:"at"`
	// Digest of the request that the key came with.
	Digest string `json:"digest"`
	// Answer is what was made, as it was when it was made.
	Answer json.RawMessage `json:"answer"`
	// Done tells that the whole request was carried out, and not only recorded.
	Done bool `json:"done"`
}

// Remember keeps what a request with an idempotency key makes, in the
// transaction that records it. request is a value whose JSON form is the same
// whenever the request is. done is false if there is more to do, which ends
// with another Remember.
func Remember(key string, request, answer any, done bool) Change {
	return func(tx *bbolt.Tx) error {
		digest, err := digestOf(request)
		if err != nil {
			return err
		}
		raw, err := json.Marshal(answer)
		if err != nil {
			return err
		}
		if err := dropAnswer(tx, key); err != nil {
			return err
		}
		now := time.Now().UTC()
		answers, times := tx.Bucket(bucketAnswers), tx.Bucket(bucketAnswerTimes)
		if err := put(answers, key, answerValue{versioned{version}, now, digest, raw, done}); err != nil {
			return err
		}
		if err := times.Put(answerTime(now, key), []byte(key)); err != nil {
			return err
		}
		if err := answers.SetSequence(answers.Sequence() + 1); err != nil { // the sequence counts them
			return err
		}
		return dropOldAnswers(tx, now)
	}
}

// Forget makes a key one that was never used, because its request failed.
func Forget(key string) Change {
	return func(tx *bbolt.Tx) error { return dropAnswer(tx, key) }
}

// Answer reads into answer what a request with an idempotency key has made.
// found is false for a key that is new or too old. It fails with
// idempotency_key_reused if the key came with another request.
func (s *Store) Answer(key string, request, answer any) (found, done bool, err error) {
	digest, err := digestOf(request)
	if err != nil {
		return false, false, err
	}
	var v answerValue
	err = s.db.View(func(tx *bbolt.Tx) error {
		v, found, err = getAnswer(tx, key)
		return err
	})
	switch {
	case err != nil:
		return false, false, fmt.Errorf("read answer to idempotency key: %w", err)
	case !found || time.Since(v.At) > answerLife:
		return false, false, nil
	case v.Digest != digest:
		return false, false, apierr.New(apierr.FailedPrecondition, "idempotency_key_reused",
			"the idempotency key was used for another request; use a new key for each")
	}
	return true, v.Done, json.Unmarshal(v.Answer, answer)
}

func getAnswer(tx *bbolt.Tx, key string) (v answerValue, found bool, err error) {
	raw := tx.Bucket(bucketAnswers).Get([]byte(key))
	if raw == nil {
		return v, false, nil
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return v, false, err
	}
	return v, true, v.checkVersion()
}

// dropAnswer deletes the answer to key, if there is one.
func dropAnswer(tx *bbolt.Tx, key string) error {
	v, found, err := getAnswer(tx, key)
	if err != nil || !found {
		return err
	}
	answers := tx.Bucket(bucketAnswers)
	if err := answers.SetSequence(answers.Sequence() - 1); err != nil {
		return err
	}
	if err := tx.Bucket(bucketAnswerTimes).Delete(answerTime(v.At, key)); err != nil {
		return err
	}
	return answers.Delete([]byte(key))
}

// dropOldAnswers deletes those that are too old or too many, the oldest first.
func dropOldAnswers(tx *bbolt.Tx, now time.Time) error {
	limit := answerTime(now.Add(-answerLife), "")
	for {
		at, key := tx.Bucket(bucketAnswerTimes).Cursor().First()
		if at == nil || bytes.Compare(at, limit) > 0 && tx.Bucket(bucketAnswers).Sequence() <= maxAnswers {
			return nil
		}
		if err := dropAnswer(tx, string(key)); err != nil {
			return err
		}
		if err := tx.Bucket(bucketAnswerTimes).Delete(at); err != nil {
			return err
		}
	}
}

// answerTime is a key that sorts by time.
func answerTime(at time.Time, key string) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(at.UnixNano())), key...)
}

func digestOf(request any) (string, error) {
	raw, err := json.Marshal(request)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:]), nil
}
