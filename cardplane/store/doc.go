// Package store is the card's durable state: containers with their private
// run records, the names that point at them, what requests with
// an idempotency key have made, the ledger
// of what may exist on the compute host, and the epoch counter. It is one
// bbolt file.
//
// # Contract
//
// Every method that changes something is one transaction and is durable when
// it returns. The store decides nothing about a container's life; package
// container does, and holds the live copy of each record.
//
// # Ledger
//
// A resource is claimed in the ledger before it is made on the compute host
// and released after it is gone, so that whatever of ours exists there is
// always in the ledger. The opposite need not hold: a claim whose resource
// was never made is released by the first clean-up that finds it.
//
// # Format
//
// Values are JSON objects with a version in "v"; a value of a version that
// this build does not know is an error, never a guess. Buckets:
//
//	meta        format, store id, epoch
//	containers  container id -> record
//	names       container name -> container id
//	answers     operation/idempotency key -> digest of the request, and what it made
//	answer times  time and key of each answer -> the key, to find the oldest
//	ledger      kind/resource id -> owner
//	execs       container id/exec id -> exec, and how much of it events have told
//	volumes     volume name -> volume
//	leases      owner of the machine/volume name -> whether it may write
//	contents    kind/name -> config or secret, with what it holds
//	sandboxes   sandbox id -> sandbox, and its latest machine
//
// The file holds the values of secrets, so that containers can be started again
// after a restart of the card. Only its owner may read it. The values of secrets
// that are gone, and former values, may stand in pages of the file that are free
// until these are used again.
//
// The event journal is a further bucket of the file, and its writes are changes
// in the same transactions.
package store
