package httpapi_test

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// What a secret holds is in no answer and in no line of the log, whatever is wrong
// with the request that brings it.
func TestSecretsAreNotGivenBack(t *testing.T) {
	const value = "hunter2-hunter2"
	encoded := base64.StdEncoding.EncodeToString([]byte(value))
	f := newFixture(t)
	send := func(method, target, body string) (int, string) {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(method, target, strings.NewReader(body))
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		f.handler.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	large := strings.Repeat(encoded, 699052/len(encoded)+1)
	for _, request := range []struct {
		method, target, body string
		status               int
	}{
		{"POST", "/v1/secrets", `{"name":"key","data":"` + encoded + `"}`, http.StatusCreated},
		{"POST", "/v1/secrets", `{"name":"key","data":"` + encoded + `"}`, http.StatusConflict},
		{"POST", "/v1/secrets", `{"name":"large","data":"` + large + `"}`, http.StatusBadRequest},
		{"POST", "/v1/secrets", `{"name":"plain","data":"` + value + `"}`, http.StatusBadRequest},
		{"POST", "/v1/secrets", `{"name":"list","data":["` + encoded + `"]}`, http.StatusBadRequest},
		{"POST", "/v1/secrets", `{"name":"cut","data":"` + encoded, http.StatusBadRequest},
		{"POST", "/v1/secrets", `{"name":"/","data":"` + encoded + `"}`, http.StatusBadRequest},
		{"PATCH", "/v1/secrets/key", `{"data":"` + value + `"}`, http.StatusBadRequest},
		{"PATCH", "/v1/secrets/key", `{"data":"` + encoded + `","labels":{"a":"b"}}`, http.StatusOK},
		{"PATCH", "/v1/secrets/none", `{"data":"` + encoded + `"}`, http.StatusNotFound},
		{"GET", "/v1/secrets", "", http.StatusOK},
		{"GET", "/v1/secrets/key", "", http.StatusOK},
		{"GET", "/v1/events?follow=false", "", http.StatusOK},
	} {
		status, body := send(request.method, request.target, request.body)
		if status != request.status {
			t.Errorf("%s %s: %d, want %d: %s", request.method, request.target, status, request.status, body)
		}
		if strings.Contains(body, value) || strings.Contains(body, encoded) {
			t.Errorf("%s %s gives the secret back: %s", request.method, request.target, body)
		}
	}
	for _, entry := range f.log.AllEntries() {
		line, err := entry.String()
		if err != nil || strings.Contains(line, value) || strings.Contains(line, encoded) {
			t.Errorf("the log has %s, %v", line, err)
		}
	}
}
