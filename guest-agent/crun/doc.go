// Package crun implements container.Runtime with the crun program.
//
// One call of crun starts a process: `crun run --detach` or `crun exec
// --detach`. crun leaves, the process stays and becomes a child of PID 1, the
// agent, which learns its pid from the pid file and its end from the Reaper.
//
// crun reports most failures by its exit status and its log. It does not
// wait for execve(2) though: a program with a missing interpreter or for
// another processor fails after crun has reported success. To see that, crun
// is given the write end of a pipe as descriptor 3. crun marks it close-on-exec
// in the new process, so the pipe reaches its end when execve has succeeded or
// the process has died, and what the process printed tells which.
package crun
