package cli

import (
	"reflect"
	"testing"

	"github.com/cardplane/cardplane/cardplane"
)

func TestParsePublish(t *testing.T) {
	for text, want := range map[string][]cardplane.Port{
		"80":                     {{ContainerPort: 80, Protocol: "tcp"}},
		"8080:80":                {{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"}},
		"0:53/udp":               {{ContainerPort: 53, Protocol: "udp"}},
		"127.0.0.1:8080:80/tcp":  {{HostAddress: "127.0.0.1", HostPort: 8080, ContainerPort: 80, Protocol: "tcp"}},
		"127.0.0.1::80":          {{HostAddress: "127.0.0.1", ContainerPort: 80, Protocol: "tcp"}},
		"[::1]:8080:80":          {{HostAddress: "::1", HostPort: 8080, ContainerPort: 80, Protocol: "tcp"}},
		"8000-8001:80-81":        {{HostPort: 8000, ContainerPort: 80, Protocol: "tcp"}, {HostPort: 8001, ContainerPort: 81, Protocol: "tcp"}},
		"127.0.0.1:70-71:80-81":  {{HostAddress: "127.0.0.1", HostPort: 70, ContainerPort: 80, Protocol: "tcp"}, {HostAddress: "127.0.0.1", HostPort: 71, ContainerPort: 81, Protocol: "tcp"}},
		"":                       nil,
		":80:80:80":              nil,
		"80:":                    nil,
		"65536":                  nil,
		"1-65535":                nil,
		"8080:80/tcp/udp":        nil,
		"999.0.0.1:8080:80":      nil,
		"localhost:8080:80":      nil,
		"8000-8001:80":           nil,
		"80-79":                  nil,
		"-80":                    nil,
		"127.0.0.1:8080:80/icmp": nil,
	} {
		got, err := parsePublish(text)
		if !reflect.DeepEqual(got, want) || (err != nil) != (want == nil) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func TestParseNetwork(t *testing.T) {
	for text, want := range map[string]cardplane.NIC{
		"back":   {Network: "back"},
		"bridge": {Network: cardplane.DefaultNetwork},
		"back,alias=db,alias=store,ip=10.5.0.7,ip6=fd00::7,mac=02:00:00:00:00:01": {
			Network: "back", Aliases: []string{"db", "store"}, Addresses: []string{"10.5.0.7", "fd00::7"}, MAC: "02:00:00:00:00:01",
		},
		"name=back,rx=1m,tx=2m": {Network: "back", Limits: cardplane.NICLimits{Receive: 1 << 20, Send: 2 << 20}},
	} {
		if got, err := parseNetwork(text); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "alias=x", "host", "container:web", "back,rx=fast", "back,x=y"} {
		if got, err := parseNetwork(text); err == nil {
			t.Errorf("%q: %+v", text, got)
		}
	}
}
