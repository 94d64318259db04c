package main

import (
	"slices"
	"testing"
)

// The compute host is known by the link, where that names it.
func TestHostAddresses(t *testing.T) {
	for link, want := range map[string][]string{
		"unix:///run/vmmd.sock":        nil,
		"vsock://2:1024":               nil,
		"tls://192.0.2.7:7071?cert=x":  {"192.0.2.7/32"},
		"tcp://[2001:db8::7]:7071":     {"2001:db8::7/128"},
		"hybrid-vsock:///x/v?port=102": nil,
	} {
		var got []string
		if addresses := hostAddresses(link); addresses != nil {
			got = addresses()
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", link, got, want)
		}
	}
}
