package debian

import "strings"

// parseControl reads paragraphs in the format of deb-control(5), as apt-cache
// show prints them. Paragraphs without name, version or digest are left out:
// apt-cache shows packages that are installed but no longer to be had that way.
func parseControl(text []byte) []Package {
	var list []Package
	for _, paragraph := range strings.Split(string(text), "\n\n") {
		p := parseParagraph(paragraph)
		if p.Name != "" && p.Version != "" && p.SHA256 != "" {
			list = append(list, p)
		}
	}
	return list
}

func parseParagraph(text string) Package {
	var p Package
	for _, line := range strings.Split(text, "\n") {
		key, value, ok := strings.Cut(line, ":")
		if !ok || strings.HasPrefix(line, " ") {
			continue
		}
		value = strings.TrimSpace(value)
		switch key {
		case "Package":
			p.Name = value
		case "Version":
			p.Version = value
		case "SHA256":
			p.SHA256 = value
		case "Depends":
			p.Depends = value
		}
	}
	return p
}

// FirstDependency returns the name of the first package that p depends on, ""
// when there is none. For a meta-package that is the real one.
func (p Package) FirstDependency() string {
	first, _, _ := strings.Cut(p.Depends, ",")
	first, _, _ = strings.Cut(first, "|")
	name, _, _ := strings.Cut(strings.TrimSpace(first), " ")
	return name
}
