package bpf

// Numbers is the table of system calls.
var Numbers = numbers
