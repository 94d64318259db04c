package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/cardplane/cardplane/cardplane"
)

const (
	// stepUpload is the step of a load that the control plane does not see.
	stepUpload cardplane.ImageStep = "upload"
	// redrawPause is the least time between two drawings of the bars.
	redrawPause = 50 * time.Millisecond
	barWidth    = 24
)

// doneWords say in a line of its own that a step is done.
var doneWords = map[cardplane.ImageStep]string{
	stepUpload:           "uploaded",
	cardplane.StepCached: "already there",
	cardplane.StepFetch:  "fetched",
	cardplane.StepVerify: "verified",
	cardplane.StepBuild:  "built",
}

// progressView prints a line for each step that is done. On a terminal bars
// for the steps under way follow below.
type progressView struct {
	mu     sync.Mutex
	out    io.Writer
	width  int // of the terminal; 0 without bars
	active []cardplane.ImageProgress
	done   map[progressKey]bool
	bars   int // lines that were drawn below
	drawn  time.Time
}

type progressKey struct {
	step    cardplane.ImageStep
	subject string
}

// newProgressView returns a view on standard error, which is no part of a
// command's result.
func (a *App) newProgressView() *progressView {
	v := &progressView{out: a.Err, done: make(map[progressKey]bool)}
	if fd, ok := terminal(a.Err); ok {
		if width, _, err := term.GetSize(fd); err == nil {
			v.width = width
		}
	}
	return v
}

// show is a [cardplane.ProgressFunc].
func (v *progressView) show(p cardplane.ImageProgress) {
	v.mu.Lock()
	defer v.mu.Unlock()
	key := progressKey{p.Step, p.Subject}
	at := slices.IndexFunc(v.active, func(a cardplane.ImageProgress) bool { return a.Step == p.Step && a.Subject == p.Subject })
	switch ended := p.Current >= p.Total; {
	case v.done[key]:
	case ended:
		v.done[key] = true
		if at >= 0 {
			v.active = slices.Delete(v.active, at, at+1)
		}
		v.erase()
		_, _ = fmt.Fprintf(v.out, "%s: %s %s\n", shortID(p.Subject), doneWords[p.Step], humanSize(p.Total))
		v.draw()
	case at >= 0:
		v.active[at] = p
		v.redraw()
	default:
		v.active = append(v.active, p)
		v.redraw()
	}
}

// close takes the bars away.
func (v *progressView) close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.erase()
}

func (v *progressView) redraw() {
	if v.width > 0 && time.Since(v.drawn) >= redrawPause {
		v.erase()
		v.draw()
	}
}

// erase moves up over the bars and clears what is below.
func (v *progressView) erase() {
	if v.bars > 0 {
		_, _ = fmt.Fprintf(v.out, "\x1b[%dA\x1b[J", v.bars)
		v.bars = 0
	}
}

func (v *progressView) draw() {
	if v.width == 0 {
		return
	}
	for _, p := range v.active {
		filled := min(barWidth, int(float64(barWidth)*float64(p.Current)/float64(p.Total)))
		bar := strings.Repeat("=", filled) + strings.Repeat(" ", barWidth-filled)
		line := fmt.Sprintf("%s: %-6s [%s] %s / %s", shortID(p.Subject), p.Step, bar, humanSize(p.Current), humanSize(p.Total))
		_, _ = fmt.Fprintln(v.out, line[:min(len(line), v.width-1)])
	}
	v.bars, v.drawn = len(v.active), time.Now()
}

// upload returns r, of which size bytes are to be sent, with its progress in
// the view.
func (v *progressView) upload(r io.Reader, name string, size int64) io.Reader {
	return &uploadReader{Reader: r, view: v, p: cardplane.ImageProgress{Step: stepUpload, Subject: name, Total: size}}
}

type uploadReader struct {
	io.Reader
	view *progressView
	p    cardplane.ImageProgress
}

func (u *uploadReader) Read(p []byte) (int, error) {
	n, err := u.Reader.Read(p)
	if u.p.Current += int64(n); n > 0 {
		u.view.show(u.p)
	}
	return n, err
}
