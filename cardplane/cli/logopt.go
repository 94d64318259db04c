package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cardplane/cardplane/cardplane"
)

// parseLogOptions reads options that are called as docker calls them.
func parseLogOptions(options []string, p *cardplane.LogPolicy) error {
	for _, option := range options {
		key, value, _ := strings.Cut(option, "=")
		var err error
		switch key {
		case "max-size":
			p.FileBytes, err = parseSize(value)
		case "max-file":
			p.Files, err = strconv.Atoi(value)
		case "mode":
			p.DropWhenFull, err = parseLogMode(value)
		default:
			err = fmt.Errorf("no such option; there are max-size, max-file and mode")
		}
		if err != nil {
			return fmt.Errorf("%q: %w", option, err)
		}
	}
	return nil
}

func parseLogMode(mode string) (drop bool, err error) {
	switch mode {
	case "non-blocking":
		return true, nil
	case "blocking":
		return false, nil
	}
	return false, fmt.Errorf("no such mode; there are blocking and non-blocking")
}
