package chvmm

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/cardplane/cardplane/openapi/chapi"
)

const (
	apiRoot = "/api/v1"
	// maxBody is the limit of Cloud Hypervisor's HTTP server for a request.
	maxBody = 51200
)

// route says what a path of the API takes.
type route struct {
	method string
	// body is the type of the request's body, nil where there is none.
	body reflect.Type
	// anyBody is set where a body is ignored instead of refused.
	anyBody bool
}

// routes are the operations of cloud-hypervisor.yaml. A test holds them
// against the generated server.
var routes = map[string]route{
	"/vmm.ping":         {method: http.MethodGet},
	"/vmm.shutdown":     {method: http.MethodPut, anyBody: true},
	"/vm.info":          {method: http.MethodGet},
	"/vm.counters":      {method: http.MethodGet},
	"/vm.create":        {method: http.MethodPut, body: reflect.TypeFor[chapi.VmConfig]()},
	"/vm.delete":        {method: http.MethodPut},
	"/vm.boot":          {method: http.MethodPut},
	"/vm.pause":         {method: http.MethodPut},
	"/vm.resume":        {method: http.MethodPut},
	"/vm.shutdown":      {method: http.MethodPut},
	"/vm.reboot":        {method: http.MethodPut},
	"/vm.power-button":  {method: http.MethodPut},
	"/vm.resize":        {method: http.MethodPut, body: reflect.TypeFor[chapi.VmResize]()},
	"/vm.resize-disk":   {method: http.MethodPut, body: reflect.TypeFor[chapi.VmResizeDisk]()},
	"/vm.add-disk":      {method: http.MethodPut, body: reflect.TypeFor[chapi.DiskConfig]()},
	"/vm.add-net":       {method: http.MethodPut, body: reflect.TypeFor[chapi.NetConfig]()},
	"/vm.add-vsock":     {method: http.MethodPut, body: reflect.TypeFor[chapi.VsockConfig]()},
	"/vm.remove-device": {method: http.MethodPut, body: reflect.TypeFor[chapi.VmRemoveDevice]()},
	"/vm.snapshot":      {method: http.MethodPut, body: reflect.TypeFor[chapi.VmSnapshotConfig]()},
	"/vm.restore":       {method: http.MethodPut, body: reflect.TypeFor[chapi.RestoreConfig]()},
}

// undescribed are the operations of Cloud Hypervisor that no part of
// Cardplane uses. They are refused by name rather than as unknown paths.
var undescribed = map[string]string{
	"/vm.add-device":             "devices of the host are not passed through",
	"/vm.add-user-device":        "vfio-user devices are not passed through",
	"/vm.add-fs":                 "directories are not shared; add a disk",
	"/vm.add-generic-vhost-user": "vhost-user devices other than vsock are not offered",
	"/vm.add-pmem":               "persistent memory is not offered; add a disk",
	"/vm.add-vdpa":               "vDPA devices are not passed through",
	"/vm.resize-zone":            "memory zones are not offered",
	"/vm.coredump":               "core dumps are not implemented",
	"/vm.nmi":                    "NMIs are not implemented",
	"/vm.receive-migration":      "migration is not implemented",
	"/vm.send-migration":         "migration is not implemented",
}

// Handler serves the API of v, one request at a time.
func Handler(v *VMM) http.Handler {
	strict := chapi.NewStrictHandlerWithOptions(api{v}, nil, chapi.StrictHTTPServerOptions{
		RequestErrorHandlerFunc: func(w http.ResponseWriter, _ *http.Request, err error) {
			writeError(w, jsonFault(err))
		},
		ResponseErrorHandlerFunc: func(w http.ResponseWriter, r *http.Request, err error) {
			v.cfg.Log.WithField("path", r.URL.Path).WithError(err).Info("request failed")
			writeError(w, err)
		},
	})
	generated := chapi.HandlerWithOptions(strict, chapi.StdHTTPServerOptions{BaseURL: apiRoot})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Server", "Cloud Hypervisor API")
		if !admit(w, r) {
			return
		}
		v.mu.Lock()
		defer v.mu.Unlock()
		generated.ServeHTTP(w, r)
	})
}

// admit answers what Cloud Hypervisor's HTTP layer refuses, in its own ways,
// and leaves a body that holds exactly what the schema knows.
func admit(w http.ResponseWriter, r *http.Request) bool {
	if reason := parserFault(r); reason != "" {
		writeParserError(w, reason)
		return false
	}
	path, known := strings.CutPrefix(r.RequestURI, apiRoot)
	rt, described := routes[path]
	if reason, ok := undescribed[path]; ok && known {
		writeError(w, NewFault("Error from API", &NotSupported{strings.TrimPrefix(path, "/"), reason}))
		return false
	}
	if !known || !described {
		writeError(w, errNotFound)
		return false
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		writeParserError(w, "Incomplete request.")
		return false
	}
	return admitBody(w, r, rt, body)
}

func admitBody(w http.ResponseWriter, r *http.Request, rt route, body []byte) bool {
	switch {
	case r.Method != rt.method,
		rt.method == http.MethodPut && rt.body == nil && !rt.anyBody && len(body) > 0:
		writeError(w, errBadRequest)
		return false
	case rt.body != nil && len(body) == 0 && rt.body == reflect.TypeFor[chapi.VmConfig]():
		w.WriteHeader(http.StatusBadRequest)
		return false
	case rt.body != nil && len(body) == 0:
		writeError(w, errBadRequest)
		return false
	case rt.body == nil:
		return true
	}
	exact, err := conform(body, rt.body)
	if err != nil {
		writeError(w, jsonFault(err))
		return false
	}
	r.Body = io.NopCloser(bytes.NewReader(exact))
	return true
}

// parserFault returns why Cloud Hypervisor's HTTP parser refuses r, or "".
func parserFault(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodPut, http.MethodPatch:
	default:
		return "Invalid HTTP Method."
	}
	if len(r.TransferEncoding) > 0 {
		return "Unsupported header value: Transfer-Encoding."
	}
	if r.ContentLength > maxBody {
		return "Request payload with size " + strconv.FormatInt(r.ContentLength, 10) + " is larger than the limit of " + strconv.Itoa(maxBody) + " allowed by server."
	}
	return ""
}

// writeParserError sends the text that looks like a JSON object and is none,
// because of the newline in it, and ends the connection.
func writeParserError(w http.ResponseWriter, reason string) {
	w.Header().Set("Connection", "close")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	_, _ = io.WriteString(w, `{ "error": "`+reason+"\nAll previous unanswered requests will be dropped.\" }")
}

// writeError sends the chain of err.
func writeError(w http.ResponseWriter, err error) {
	body, _ := json.Marshal(Chain(err)) // strings always encode
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(statusOf(err))
	_, _ = w.Write(body)
}
