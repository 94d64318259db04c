package cli

import "strconv"

// colour is an SGR parameter. Those that are used have two digits, so that
// painted cells of a column are all longer by the same.
type colour int

const (
	red    colour = 31
	green  colour = 32
	yellow colour = 33
)

// painter returns what gives text a colour: none unless the output is a
// terminal, and none if the user has set NO_COLOR (https://no-color.org).
func (a *App) painter() func(colour, string) string {
	if _, ok := terminal(a.Out); !ok || a.Getenv("NO_COLOR") != "" || a.Getenv("TERM") == "dumb" {
		return func(_ colour, text string) string { return text }
	}
	return func(c colour, text string) string {
		return "\x1b[" + strconv.Itoa(int(c)) + "m" + text + "\x1b[0m"
	}
}
