// Command probe is the only program of the image demo/probe, which tests and
// benchmarks run in real guests. It is static, so that the image needs
// nothing else and is loaded in no time.
//
//	probe count N INTERVAL   write the numbers 1 to N, one a line, one an interval
//	probe write N            write N bytes to stdout as fast as they are taken
//	probe sink               read stdin to its end and print how many bytes it was
//	probe eat N              take N MiB of memory and hold them
//	probe orphans N          leave N zombies behind and exit
//	probe exit N             exit with N
//	probe vsock PORT         serve the benchmark of streams over vsock (see package streambench)
//	probe serve PORT         serve it over TCP
//	probe fetch N ADDRESS    measure a server of it with N bytes, and print that
//	probe disk N FILE        measure a file of N bytes (see package diskbench), and print that
//	probe forever            wait until killed, deaf to SIGTERM
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/cardplane/cardplane/ci/diskbench"
	"github.com/cardplane/cardplane/ci/streambench"
	"github.com/mdlayher/vsock"
)

// anyCID is VMADDR_CID_ANY (vsock(7)).
const anyCID = 0xffffffff

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(1)
	}
}

// What is measured at once: round trips, and operations on a file. chunk is how
// much a server writes at once, in bytes.
const requests, operations, chunk = 2000, 2000, 64 << 10

func run(args []string) error {
	if len(args) == 0 {
		return errors.New("say what to do")
	}
	if (args[0] == "fetch" || args[0] == "disk") && len(args) < 3 {
		return fmt.Errorf("%s: say how many bytes and where", args[0])
	}
	n := 0
	if len(args) > 1 {
		var err error
		if n, err = strconv.Atoi(args[1]); err != nil {
			return err
		}
	}
	switch args[0] {
	case "count":
		return count(n, args[2:])
	case "write":
		_, err := io.CopyN(os.Stdout, letters{}, int64(n))
		return err
	case "sink":
		got, err := io.Copy(io.Discard, os.Stdin)
		fmt.Println(got)
		return err
	case "eat":
		return eat(n)
	case "orphans":
		return orphans(n)
	case "exit":
		os.Exit(n)
	case "vsock":
		return serve(vsock.ListenContextID(anyCID, uint32(n), nil)) // /dev/vsock is not in the container
	case "serve":
		return serve(net.Listen("tcp", fmt.Sprint(":", n)))
	case "fetch":
		r, err := streambench.Measure(func() (net.Conn, error) { return net.Dial("tcp", args[2]) }, chunk, n, requests)
		return errors.Join(err, json.NewEncoder(os.Stdout).Encode(r))
	case "disk":
		r, err := diskbench.Measure(args[2], int64(n), operations)
		return errors.Join(err, json.NewEncoder(os.Stdout).Encode(r))
	case "forever":
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("waiting")
		for {
			time.Sleep(time.Hour)
		}
	}
	return fmt.Errorf("unknown job %q", args[0])
}

// serve serves the benchmark on what listening has given.
func serve(l net.Listener, err error) error {
	if err != nil {
		return err
	}
	fmt.Println("listening")
	return streambench.Serve(l)
}

func count(n int, rest []string) error {
	interval := time.Duration(0)
	if len(rest) > 0 {
		var err error
		if interval, err = time.ParseDuration(rest[0]); err != nil {
			return err
		}
	}
	out := bufio.NewWriter(os.Stdout)
	for i := 1; i <= n; i++ {
		fmt.Fprintln(out, i)
		if interval > 0 {
			if err := out.Flush(); err != nil {
				return err
			}
			time.Sleep(interval)
		}
	}
	return out.Flush()
}

// letters is an endless, checkable stream: a line of the alphabet again and again.
type letters struct{}

const alphabet = "abcdefghijklmnopqrstuvwxyz012345\n"

func (letters) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		n += copy(p[n:], alphabet)
	}
	// A read begins with the alphabet, so it must end with a whole one.
	if whole := n - n%len(alphabet); whole > 0 {
		return whole, nil
	}
	return n, nil
}

func eat(mib int) error {
	var held [][]byte
	for range mib {
		block := make([]byte, 1<<20)
		for i := 0; i < len(block); i += 4096 {
			block[i] = 1
		}
		held = append(held, block)
	}
	fmt.Println("ate", len(held))
	return nil
}

// orphans leaves n processes that nobody of the container waits for, which
// end after their parent.
func orphans(n int) error {
	for range n {
		cmd := exec.Command("/proc/self/exe", "exit", "0")
		if err := cmd.Start(); err != nil {
			return err
		}
	}
	return nil
}
