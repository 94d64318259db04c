package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// banned are the words of what runs in a VM, which is none of this program's
// business. The test over the sources of everything of ours that vmmd links
// keeps it so.
var banned = map[string]bool{
	"oci": true, "container": true, "containers": true, "image": true, "images": true,
	"registry": true, "registries": true, "docker": true, "podman": true,
}

// wordPattern splits text and identifiers, in whatever case, into words.
var wordPattern = regexp.MustCompile(`[A-Z]+(?:[^A-Za-z]|$)|[A-Z]?[a-z]+|[A-Z]+`)

func TestVmmdKnowsNoContainers(t *testing.T) {
	const module = "github.com/cardplane/cardplane/"
	out, err := exec.Command("go", "list", "-deps", "-f", "{{.ImportPath}} {{.Dir}} {{join .GoFiles \",\"}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	for line := range strings.Lines(string(out)) {
		path, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		dir, names, _ := strings.Cut(rest, " ")
		if !strings.HasPrefix(path, module) {
			for _, library := range []string{"opencontainers", "containerregistry", "containerd", "moby"} {
				if strings.Contains(path, library) {
					t.Errorf("vmmd links %s", path)
				}
			}
			continue
		}
		for name := range strings.SplitSeq(names, ",") {
			files++
			checkWords(t, filepath.Join(dir, name))
		}
	}
	if files < 20 {
		t.Fatalf("only %d files were looked at", files)
	}
	checkWords(t, "../../../openapi/host.yaml")
}

func checkWords(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		for _, word := range words(lines.Text()) {
			if banned[word] {
				t.Errorf("%s:%d says %q: the compute host knows VMs, blobs and disks", path, n, word)
			}
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

func words(text string) []string {
	var out []string
	for _, word := range wordPattern.FindAllString(text, -1) {
		out = append(out, strings.ToLower(strings.Trim(word, "0123456789_-./:,;()[]{}\"'` \t*&=<>!")))
	}
	return out
}

// The test must see words in identifiers, or it would prove nothing.
func TestWords(t *testing.T) {
	for text, want := range map[string]string{
		"imageType":       "image",
		"image_type":      "image",
		"OCISpec":         "",
		"an OCI bundle":   "oci",
		"newContainerID":  "container",
		"associate":       "",
		"the registry's":  "registry",
		"VM images":       "images",
		"preimage of":     "",
		"ContainerImages": "container",
	} {
		got := ""
		for _, word := range words(text) {
			if banned[word] && got == "" {
				got = word
			}
		}
		if got != want {
			t.Errorf("%q: found %q, want %q", text, got, want)
		}
	}
}
