package kernel

import (
	"bufio"
	"bytes"
	_ "embed" // for guest.config
	"fmt"
	"regexp"
	"sort"
	"strings"
)

// GuestConfig is the configuration of our own kernel: options on top of
// allnoconfig.
//
//go:embed guest.config
var GuestConfig []byte

var (
	setLine   = regexp.MustCompile(`^(CONFIG_\w+)=(.+)$`)
	unsetLine = regexp.MustCompile(`^# (CONFIG_\w+) is not set$`)
)

// Config maps options to values as .config writes them ("y", "256", "\"-x\"");
// "n" for an option that is not set.
type Config map[string]string

// ParseConfig reads a .config file or a fragment of one. Comments and empty
// lines are skipped; any other line that is no option, and an option named
// twice, is an error.
func ParseConfig(text []byte) (Config, error) {
	c := make(Config)
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		name, value := "", "n"
		if m := setLine.FindStringSubmatch(line); m != nil {
			name, value = m[1], m[2]
		} else if m := unsetLine.FindStringSubmatch(line); m != nil {
			name = m[1]
		} else if line == "" || strings.HasPrefix(line, "#") {
			continue
		} else {
			return nil, fmt.Errorf("kernel configuration line %d: %q is no option", n, line)
		}
		if _, twice := c[name]; twice {
			return nil, fmt.Errorf("kernel configuration line %d: %s is there already", n, name)
		}
		c[name] = value
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("kernel configuration: %w", err)
	}
	return c, nil
}

// VerifyConfig checks that every option asked for has its value in the
// effective configuration. Kconfig drops an option without a word when one of
// its dependencies is missing, or when this kernel no longer knows it.
func VerifyConfig(asked, effective Config) error {
	var lost []string
	for name, want := range asked {
		got, ok := effective[name]
		if !ok {
			got = "n"
		}
		if got != want {
			lost = append(lost, fmt.Sprintf("%s: asked for %s, got %s", name, want, got))
		}
	}
	if len(lost) == 0 {
		return nil
	}
	sort.Strings(lost)
	return fmt.Errorf("kernel configuration did not take effect:\n  %s", strings.Join(lost, "\n  "))
}
