package cli_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/cardplanetest"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// Every command, its exit code and what it prints. %s in args is a running
// container's name, "up"; out and err are regular expressions for all of it.
func TestCommands(t *testing.T) {
	for _, tc := range []struct {
		args     string
		stdin    string
		code     int
		out, err string
	}{
		// run
		{args: "run test", out: "default\n"},
		{args: "run --rm test echo hello", out: "hello\n"},
		{args: "run test sh -c 'echo out; echo err >&2; exit 7'", code: 7, out: "out\n", err: "err\n"},
		{args: "run -i test cat", stdin: "fed in", out: "fed in"},
		{args: "run test cat", stdin: "not passed on"},
		{args: "run -e A=1 --env FROM_ENV -e NOT_SET test env", out: "A=1\nFROM_ENV=inherited\n"},
		{args: "run --entrypoint echo test a b", out: "a b\n"},
		{args: "run -d test sleep 100", out: "[0-9a-f]{32}\n"},
		{args: "run -dit test sh", out: "[0-9a-f]{32}\n"},
		{args: "run test no-such", code: 127, err: `cardctl: there is no command "no-such" in the image\n`},
		{args: "run -d test no-such", code: 127, err: `cardctl: there is no command "no-such" in the image\n`},
		{args: "run test /etc/passwd", code: 126, err: `cardctl: "/etc/passwd" in the image is not executable\n`},
		{args: "run nope", code: 125, err: `cardctl: there is no image "nope"; load it with .*\n`},
		{args: "run --name up test", code: 125, err: `cardctl: the name "up" is taken; .*\n`},
		{args: "run --name bad/name test", code: 125, err: `cardctl: field /name is "bad/name"; it must match .*\n`},
		{args: "run -m 1m test", code: 125, err: `cardctl: field /resources/memoryBytes is 1048576; the minimum is 6291456\n`},
		{args: "run -m lots test", code: 125, err: `cardctl: --memory: "lots" is no size; .*\n`},
		{args: "run --cpus 1.5 test", code: 125, err: `cardctl: --cpus: "1.5" is no number of CPUs; .*\n`},
		{args: "run -w relative test", code: 125, err: `cardctl: field /workingDir is "relative"; .*\n`},
		{args: "run -it test", code: 125, err: `cardctl: the input device is not a TTY; .*\n`},
		{args: "run --detach-keys ctrl-1 test", code: 125, err: `cardctl: --detach-keys: "ctrl-1" is no detach key; .*\n`},
		{args: "run --bogus test", code: 125, err: `cardctl: unknown flag: --bogus\nSee 'cardctl run --help'.\n`},
		{args: "run", code: 125, err: `cardctl: "cardctl run" needs at least 1 argument\(s\)\nSee 'cardctl run --help'.\n`},
		// create and start
		{args: "create --name made test", out: "[0-9a-f]{32}\n"},
		{args: "create nope", code: 1, err: `cardctl: there is no image "nope".*\n`},
		{args: "start ended", out: "ended\n"},
		{args: "start -a ended", code: 3},
		{args: "start up", code: 1, err: `cardctl: container up is already running\n`},
		{args: "start -a up", code: 1, err: `cardctl: container up is already running; attach .*\n`},
		{args: "start -a ended up", code: 1, err: `cardctl: one container .*\nSee .*\n`},
		{args: "start nope", code: 1, err: "cardctl: there is no container \"nope\"; `cardctl ps -a` lists them\n"},
		// exec
		{args: "exec up echo hi", out: "hi\n"},
		{args: "exec up sh -c 'echo e >&2; exit 4'", code: 4, err: "e\n"},
		{args: "exec -i up cat", stdin: "typed", out: "typed"},
		{args: "exec -e B=2 -e FROM_ENV up env", out: "B=2\nFROM_ENV=inherited\n"},
		{args: "exec -d up sleep 1", out: "[0-9a-f]{16}\\n"},
		{args: "execs up", out: `EXEC ID +COMMAND +STARTED +STATUS\n`},
		{args: "execs nope", code: 1, err: `cardctl: there is no container "nope".*\n`},
		{args: "attach --exec nope up", code: 1, err: `cardctl: container up has no exec "nope"\n`},
		{args: "exec up no-such", code: 127, err: "cardctl: .*\n"},
		{args: "exec up /etc/passwd", code: 126, err: "cardctl: .*\n"},
		{args: "exec ended true", code: 1, err: "cardctl: container ended is exited; start it first\n"},
		{args: "exec -it up sh", code: 1, err: "cardctl: the input device is not a TTY; .*\n"},
		{args: "exec up", code: 1, err: "cardctl: .* needs at least 2 .*\nSee .*\n"},
		// attach
		{args: "attach ended", code: 1, err: "cardctl: container ended is exited; start it with `cardctl start -a ended`\n"},
		{args: "attach nope", code: 1, err: "cardctl: there is no container .*\n"},
		// lists
		{args: "ps", out: `CONTAINER ID +IMAGE +COMMAND +CREATED +STATUS +PORTS +NAMES\n[0-9a-f]{12} +test +"sleep 1000" +.* ago +Up .* +up\n`},
		{args: "ps -a", out: `(?s)CONTAINER[^\n]*\n\S+ +test +"sh -c echo first; e…" [^\n]*Exited \(3\) [^\n]* ago +ended\n.* up\n`},
		{args: "ps -q", out: `[0-9a-f]{12}\n`},
		{args: "ps -q --no-trunc", out: `[0-9a-f]{32}\n`},
		{args: "ps -aq -f label=tier=back", out: `[0-9a-f]{12}\n`},
		{args: "ps -aq -f label=none"},
		{args: "ps -f nme=x", code: 1, err: `cardctl: --filter "nme=x" is unknown; .*\nSee .*\n`},
		{args: "ps -q -f status=created -f name=nope*"},
		{args: "images -q --filter name=nope"},
		{args: "images", out: `REPOSITORY +TAG +IMAGE ID +CREATED +SIZE\ntest +latest +[0-9a-f]{12} +\d+ years ago +4.1kB\n`},
		{args: "images -q", out: `[0-9a-f]{12}\n`},
		{args: "images --no-trunc -q", out: `sha256:[0-9a-f]{64}\n`},
		// logs
		{args: "logs ended", out: "first\nlast\n", err: "wrong\n"},
		{args: "logs -f ended", out: "first\nlast\n", err: "wrong\n"},
		{args: "logs -n 1 ended", out: "last\n"},
		{args: "logs --tail all ended", out: "first\nlast\n", err: "wrong\n"},
		{args: "logs -t ended", out: `(20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z (first|last)\n){2}`, err: `20.*Z wrong\n`},
		{args: "logs --since 10m ended", out: "first\nlast\n", err: "wrong\n"},
		{args: "logs --since 2100-01-01 ended"},
		{args: "logs --since never ended", code: 1, err: `cardctl: --since: "never" is no time; .*\n`},
		{args: "logs -n some ended", code: 1, err: `cardctl: --tail: "some" .*\n`},
		{args: "logs nope", code: 1, err: `cardctl: there is no container "nope".*\n`},
		// figures
		{args: "stats --no-stream", out: `CONTAINER ID +NAME +CPU % +MEM USAGE / LIMIT .*VM MEM\n[0-9a-f]{12} +up +\d.*% +2.1MB / 268MB +0B / 0B +0B / 0B +1 +\d.*% +134MB\n`},
		{args: "stats --no-stream --format {{.Name}}={{.PIDs}} up", out: "up=1\n"},
		{args: "stats --no-stream --format json up", out: `\{"containerId":"[0-9a-f]{32}",.*"vm":\{.*\}\}\n`},
		{args: "stats --format {{.Nope}}", code: 1, err: `(?s)cardctl: --format: .*Nope.*See .*`},
		{args: "stats ended", code: 1, err: "cardctl: container ended is exited; start it first\n"},
		{args: "top up", out: `PID +PPID +UID +STATE +THREADS +CPU +MEM +COMMAND\n1 +0 +0 +S +1 +0s +2.1MB +sleep 1000\n`},
		{args: "top --format '{{.PID}} {{.Command}}' up", out: `1 sleep 1000\n`},
		{args: "top --format json up", out: `{"command":"sleep 1000",.*"pid":1,.*}\n`},
		{args: "top --format {{.Nope}} up", code: 1, err: `cardctl: --format: .*Nope.*\n`},
		{args: "execs --format json up"},
		{args: "top ended", code: 1, err: "cardctl: container ended is exited; start it first\n"},
		// life
		{args: "wait ended", out: "3\n"},
		{args: "wait ended ended", out: "3\n3\n"},
		{args: "wait nope", code: 1, err: "cardctl: .*\n"},
		{args: "stop -t 0 up ended", out: "up\nended\n"},
		{args: "stop up nope ended", code: 1, out: "up\nended\n", err: `cardctl: there is no container "nope".*\n`},
		{args: "stop -t -1 up", code: 1, err: "cardctl: --timeout is -1; .*\nSee .*\n"},
		{args: "kill -s TERM up", out: "up\n"},
		{args: "kill -s SIGNONE up", code: 1, err: `cardctl: "SIGNONE" is no signal; .*\n`},
		{args: "kill ended", code: 1, err: "cardctl: container ended is exited; start it first\n"},
		{args: "rm ended", out: "ended\n"},
		{args: "rm up", code: 1, err: "cardctl: container up runs; .*\n"},
		{args: "rm -f up ended", out: "up\nended\n"},
		// images
		{args: "pull test", out: `sha256:[0-9a-f]{64}\n`},
		{args: "pull localhost:5000/x", code: 1, err: `cardctl: the registry of .*\n`},
		{args: "pull -q test", out: `sha256:[0-9a-f]{64}\n`},
		{args: "pull --username u --password-stdin test", stdin: "secret\n", out: `sha256:[0-9a-f]{64}\n`},
		{args: "pull --identity-token-stdin test", stdin: "token\n", out: `sha256:[0-9a-f]{64}\n`},
		{args: "pull --username u test", code: 1, err: "cardctl: give --username with --password-stdin.*\nSee .*\n"},
		{args: "pull --identity-token-stdin test", code: 1, err: "cardctl: stdin holds no password and no token; .*\n"},
		{args: "load", stdin: string(cardplanetest.Archive(cardplane.ImageConfig{User: "x"}, "a:1", "example.com/b/c:2")), out: "Loaded image: a:1\nLoaded image: example.com/b/c:2\n", err: `[0-9a-f]{12}: built 4.1kB\n`},
		{args: "load -q", stdin: string(cardplanetest.Archive(cardplane.ImageConfig{User: "x"}, "a:1")), out: "Loaded image: a:1\n"},
		{args: "save no/such:v1", code: 1, err: `cardctl: there is no image "no/such:v1".*\n`},
		{args: "save --format zip test", code: 1, err: "cardctl: --format \"zip\" is unknown; .*\nSee .*\n"},
		{args: "save -o /nonexistent/x test", code: 1, err: "cardctl: open /nonexistent/.*: no such file or directory\n"},
		{args: "tag test other/test:v2 third"},
		{args: "tag test Bad", code: 1, err: "cardctl: .*\n"},
		{args: "untag test", out: "Untagged: test:latest\n"},
		{args: "untag test test", out: "Untagged: test\n"},
		{args: "untag test none", code: 1, err: `cardctl: image .* has no name "none".*\n`},
		{args: "history test", out: `LAYER +CREATED +CREATED BY +SIZE +COMMENT\n<none> +\d+ years ago +"memory" +0B +\n`},
		{args: "system df", out: `TYPE +WHERE +TOTAL +ACTIVE +SIZE +RECLAIMABLE\nimages +card +\d+ +1 +\S+kB +\S+\ncontainers +host +\d+ +1 +unknown +unknown\nvolumes +host +0 +0 +unknown +unknown\n`},
		{args: "image prune", stdin: "n\n", err: `This removes all images without a name .*`},
		{args: "image prune -f", out: "Total reclaimed space: 0B\n"},
		{args: "image prune -af --filter label=none", out: "Total reclaimed space: 0B\n"},
		{args: "image prune -af", out: "Total reclaimed space: 0B\n"},
		{args: "volume export nope", code: 1, err: `cardctl: there is no volume "nope".*\n`},
		{args: "volume import nope", code: 1, err: `cardctl: there is no volume "nope".*\n`},
		{args: "volume import nope /nonesuch.tar", code: 1, err: "cardctl: open /nonesuch.tar: .*\n"},
		{args: "volume clone nope", code: 1, err: `cardctl: there is no volume "nope".*\n`},
		{args: "volume clone --size big nope", code: 1, err: "cardctl: --size: .*\nSee .*\n"},
		{args: "volume resize nope 40g", code: 1, err: `cardctl: there is no volume "nope".*\n`},
		{args: "volume resize nope big", code: 1, err: "cardctl: SIZE: .*\nSee .*\n"},
		{args: "secret create -l tier=db key -", stdin: "hunter2", out: "key\n"},
		{args: "secret create key /nonexistent", code: 1, err: "cardctl: open /nonexistent: no such file or directory\n"},
		{args: "secret create key -", stdin: strings.Repeat("x", 512<<10+1), code: 1, err: "cardctl: - has more than 524288 bytes, .*\n"},
		{args: "secret create key", code: 1, err: "cardctl: .* needs at least 2 .*\nSee .*\n"},
		{args: "secret update nope -", code: 1, err: `cardctl: there is no secret "nope".*\n`},
		{args: "config rm nope", code: 1, err: `cardctl: there is no config "nope".*\n`},
		{args: "config ls", out: "NAME +SIZE +VERSION +CREATED +UPDATED\n"},
		{args: "config prune", stdin: "n\n", err: `This removes all configs .*`},
		{args: "secret prune -f", out: "Total reclaimed space: 0B\n"},
		{args: "create --secret nope test", code: 1, err: `cardctl: there is no secret "nope".*\n`},
		{args: "create --secret key,size=1 test", code: 1, err: "(?s)cardctl: --secret: .*use source.*"},
		{args: "network rm nope", code: 1, err: `cardctl: there is no network "nope".*\n`},
		{args: "network create --gateway 10.5.0.1 x", code: 1, err: "cardctl: --gateway: .*\nSee .*\n"},
		{args: "network connect nope up", code: 1, err: `cardctl: there is no network "nope".*\n`},
		{args: "network prune", stdin: "n\n", err: `This removes all networks .*`},
		{args: "network create -l tier=db back", out: "back\n"},
		{args: "volume prune", stdin: "n\n", err: `This removes all volumes .*`},
		{args: "volume attach nope up:/data", code: 1, err: `cardctl: there is no volume "nope".*\n`},
		{args: "volume attach nope up", code: 1, err: "cardctl: CONTAINER:PATH: .*\nSee .*\n"},
		{args: "volume detach nope up", code: 1, err: `cardctl: there is no volume "nope".*\n`},
		{args: "volume prune -f", out: "Total reclaimed space: 0B\n"},
		{args: "load -", stdin: "junk", code: 1, err: "cardctl: the archive cannot be read: .*\n"},
		{args: "load -i /nonexistent", code: 1, err: "cardctl: open /nonexistent: no such file or directory\n"},
		{args: "load /", code: 1, err: "cardctl: / is a directory; .*\n"},
		{args: "load -i a b", code: 1, err: "cardctl: give the file once.*\nSee .*\n"},
		{args: "rmi test", code: 1, err: `cardctl: image test is used by container .*; remove that first\n`},
		{args: "rmi nope", code: 1, err: `cardctl: there is no image "nope".*\n`},
		// system
		{args: "version", out: `(?s)Client:\n Version:.*Control plane:\n.*API version:\tv1\n.*Compute host:\n.* VMM:\t\tmemory\n Networks:\thost\n`},
		{args: "events --no-follow", out: `(?s)20\S+Z 1 image load sha256:\S+ \(name=docker.io/library/test:latest\)\n.*container exit [0-9a-f]{32} \(exitCode=3, name=ended, reason=exited\)\n.*`},
		{args: "events --since 1 --no-follow", out: `(?s)20\S+Z 2 container create .*`},
		{args: "events --since 10m --until 0s -f container=ended -f type=container", out: `(?s)20\S+Z \d+ container create .*name=ended\)\n20.* start .*\n20.* exit .*\n`},
		{args: "events --no-follow -f label=tier=back -f type=container.exit", out: `20\S+Z \d+ container exit [0-9a-f]{32} \(exitCode=3, name=ended, reason=exited\)\n`},
		{args: "events --since 99999", code: 1, err: `cardctl: there is no event 99999 yet, .*\n`},
		{args: "events --until whenever", code: 1, err: `cardctl: --until: "whenever" is no time; .*\n`},
		{args: "logs --until 1h ended"},
		{args: "logs --until 2100-01-01 ended", out: "first\nlast\n", err: "wrong\n"},
		{args: "doctor", out: ``},
		{args: "nonsense", code: 1, err: `(?s)cardctl: unknown command "nonsense" for "cardctl".*`},
		{args: "inspect nope", code: 1, out: `\[\]\n`, err: `cardctl: there is no container and no image "nope".*\n`},
		{args: "--host ftp://x ps", code: 1, err: `cardctl: "ftp://x" is no address of a control plane; .*\n`},
		{args: "--host http://127.0.0.1:1 ps", code: 1, err: `cardctl: cardplaned cannot be reached at http://127.0.0.1:1: .*connection refused; start it, .*\n`},
	} {
		t.Run(tc.args, func(t *testing.T) {
			p := newPlane(t)
			p.must("run", "-d", "--name", "up", "test", "sleep", "1000")
			p.run("", "run", "--name", "ended", "-l", "tier=back", "test", "sh", "-c", "echo first; echo wrong >&2; echo last; exit 3")
			if strings.HasPrefix(tc.args, "start -a ended") && tc.code == 3 {
				tc.out, tc.err = "first\nlast\n", "wrong\n"
			}
			r := p.run(tc.stdin, split(tc.args)...)
			if r.code != tc.code {
				t.Errorf("exit code %d, want %d (%s)", r.code, tc.code, r.err)
			}
			match(t, "stdout", r.out, tc.out)
			match(t, "stderr", r.err, tc.err)
		})
	}
}

func match(t *testing.T, what, got, want string) {
	t.Helper()
	if !regexp.MustCompile("^(?:" + want + ")$").MatchString(got) {
		t.Errorf("%s is %q, want %q", what, got, want)
	}
}

// split splits a command line at spaces outside of single quotes.
func split(line string) []string {
	var out []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			out = append(out, part)
			continue
		}
		out = append(out, strings.Fields(part)...)
	}
	return out
}

func TestInspect(t *testing.T) {
	p := newPlane(t)
	p.must("create", "--name", "c", "-m", "1g", "--cpus", "2", "--storage-size", "20g", "--read-only", "-l", "a=b", "-l", "flag",
		"--hostname", "box", "-u", "1:2", "-w", "/srv", "--stop-signal", "INT", "--log-opt", "mode=non-blocking", "--log-opt", "max-size=1m", "--log-opt", "max-file=3", "--restart", "on-failure:3", "-it", "test", "x", "y")
	var found []struct {
		Name  string
		State string
		Names []string
		Spec  map[string]any
	}
	if err := json.Unmarshal([]byte(p.must("inspect", "c", "test")), &found); err != nil {
		t.Fatal(err)
	}
	if len(found) != 2 || found[0].Name != "c" || found[0].State != "created" || found[1].Names[0] != "docker.io/library/test:latest" {
		t.Fatalf("%+v", found)
	}
	got, err := json.Marshal(found[0].Spec)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"command":["x","y"],"hostname":"box","image":"test","labels":{"a":"b","flag":""},"logs":{"maxFileBytes":1048576,"maxFiles":3,"whenFull":"drop"},"name":"c",` +
		`"readOnlyRoot":true,"resources":{"memoryBytes":1073741824,"storageBytes":21474836480,"vcpus":2},"restartPolicy":{"maxRetries":3,"mode":"on-failure"},"stdin":true,"stopSignal":"INT","tty":true,"user":"1:2","workingDir":"/srv"}`
	if string(got) != want {
		t.Errorf("spec is\n%s, want\n%s", got, want)
	}
}

func TestLoadFileAndRemove(t *testing.T) {
	p := newPlane(t)
	path := filepath.Join(t.TempDir(), "i.tar")
	if err := os.WriteFile(path, cardplanetest.Archive(cardplane.ImageConfig{User: "y"}, "x:1", "x:2"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := p.run("", "load", path); !regexp.MustCompile(`^i.tar: uploaded \S+kB\n[0-9a-f]{12}: built 4.1kB\n$`).MatchString(r.err) {
		t.Errorf("progress is %q", r.err)
	}
	for _, args := range [][]string{{"load", "-q", path}, {"load", "-qi", path}} {
		if got := p.must(args...); got != "Loaded image: x:1\nLoaded image: x:2" {
			t.Errorf("%v printed %q", args, got)
		}
	}
	saved := filepath.Join(t.TempDir(), "saved.tar")
	p.must("save", "-o", saved, "x:1", "x:2")
	if got := p.must("load", "-q", saved); got != "Loaded image: x:1\nLoaded image: x:2" {
		t.Errorf("what was saved loads as %q", got)
	}
	id := p.must("images", "-q")[:12]
	if r := p.run("", "rmi", id); r.code != 1 || !strings.Contains(r.err, "force the removal") {
		t.Errorf("%+v", r)
	}
	if got := p.must("rmi", "x:1"); got != "Untagged: x:1" {
		t.Errorf("%q", got)
	}
	if got := p.must("rmi", "-f", id); !strings.HasPrefix(got, "Untagged: x:2\nDeleted: sha256:") {
		t.Errorf("%q", got)
	}
}

// A failed start shows the evidence, and --rm leaves nothing behind.
func TestStartFailureShowsEvidence(t *testing.T) {
	p := newPlane(t)
	p.OnStart(func(context.Context, cardplane.Container) error {
		return apierr.New(apierr.Unavailable, "guest_boot_failed", "the guest did not come up").With([]string{"Linux version 6.12", "Kernel panic - not syncing"})
	})
	want := "cardctl: the guest did not come up\n  | Linux version 6.12\n  | Kernel panic - not syncing\n"
	for _, flags := range [][]string{{"run", "--rm"}, {"run", "--rm", "-d"}, {"run", "--rm", "-i"}} {
		if r := p.run("", append(flags, "test")...); r.code != 125 || r.err != want || r.out != "" {
			t.Errorf("%v: %+v", flags, r)
		}
	}
	if got := p.must("ps", "-aq"); got != "" {
		t.Errorf("left behind: %s", got)
	}
	if r := p.run("", "run", "--name", "kept", "test"); r.code != 125 {
		t.Errorf("%+v", r)
	}
	if got := p.must("ps", "-a"); !strings.Contains(got, "Failed (start_failed) ") {
		t.Errorf("ps says %q", got)
	}
	if r := p.run("", "wait", "kept"); r.code != 1 || r.err != want {
		t.Errorf("wait: %+v", r)
	}
}

func TestDoctor(t *testing.T) {
	p := newPlane(t)
	p.SetChecks([]cardplane.Check{
		{Where: "card", Name: "store", Status: cardplane.CheckOK, Detail: "writable", Remedy: "none"},
		{Where: "host", Name: "kvm", Status: cardplane.CheckWarn, Detail: "no vmx or svm", Remedy: "use another machine"},
	})
	if got := p.must("doctor"); got != "ok     card   store   writable\nwarn   host   kvm     no vmx or svm\n                      → use another machine" {
		t.Errorf("%q", got)
	}
	p.SetChecks([]cardplane.Check{{Where: "host", Name: "qemu", Status: cardplane.CheckFail, Detail: "missing", Remedy: "apt-get install qemu"}})
	if r := p.run("", "doctor"); r.code != 1 || !strings.Contains(r.out, "→ apt-get install qemu") || r.err != "" {
		t.Errorf("%+v", r)
	}
}

// Without a control plane, doctor says how to start one and looks at this
// machine.
func TestDoctorWithoutControlPlane(t *testing.T) {
	p := newPlane(t)
	p.down()
	out, errors := newOutput(), newOutput()
	app := p.app(strings.NewReader(""), out, errors)
	app.HostChecks = func(context.Context) []cardplane.Check {
		return []cardplane.Check{{Where: "host", Name: "kvm", Status: cardplane.CheckOK, Detail: "usable"}}
	}
	if code := app.Run(t.Context(), []string{"doctor"}); code != 1 || errors.String() != "" {
		t.Fatalf("exit code %d: %s", code, errors)
	}
	match(t, "stdout", out.String(), `fail   card   cardplaned   cannot be reached at unix:///\S+: connect: no such file or directory\n +→ start vmmd and then cardplaned .*\nok +host +kvm +usable\n`)
}

func TestVersionWithoutControlPlane(t *testing.T) {
	p := newPlane(t)
	p.down()
	r := p.run("", "version")
	if r.code != 1 || !strings.HasPrefix(r.out, "Client:\n Version:") || !strings.Contains(r.err, "cannot be reached") {
		t.Errorf("%+v", r)
	}
}
