package cli

import (
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/cardplane/httpclient"
)

func (a *App) topCommand() *cobra.Command {
	var f listFlags
	cmd := &cobra.Command{
		Use:   "top [flags] CONTAINER",
		Short: "List the processes in a running container",
		Example: `  cardctl top web
  cardctl top --format '{{.PID}} {{.Command}}' web`,
		Args: needArgs(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.parse(cmd); err != nil {
				return err
			}
			return a.withClient(func(client *httpclient.Client) error {
				list, err := client.Containers().Processes(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return printProcesses(a.Out, list, f)
			})
		},
	}
	f.registerFormat(cmd, ".PID .PPID .UID .State .Threads .CPU .Mem and .Command")
	return cmd
}

// processView is a process as a template sees it.
type processView struct {
	PID, PPID, UID, State, Threads string
	CPU, Mem, Command              string
}

func printProcesses(w io.Writer, list []cardplane.Process, f listFlags) error {
	var rows []row
	for _, p := range list {
		v := processView{
			PID: strconv.Itoa(p.PID), PPID: strconv.Itoa(p.ParentPID), UID: strconv.FormatInt(p.UID, 10), State: p.State,
			Threads: strconv.Itoa(p.Threads), CPU: p.CPU.Round(10 * time.Millisecond).String(), Mem: humanSize(p.MemoryBytes), Command: p.Command,
		}
		cells := []string{v.PID, v.PPID, v.UID, v.State, v.Threads, v.CPU, v.Mem, v.Command}
		rows = append(rows, row{cells: cells, view: v, api: apimodel.ProcessToAPI(p)})
	}
	return f.print(w, "PID\tPPID\tUID\tSTATE\tTHREADS\tCPU\tMEM\tCOMMAND", rows)
}
