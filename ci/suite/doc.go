// Package suite holds the end-to-end tests: cardplaned, vmmd, a VMM, a real
// guest and cardctl, as users run them. The text scripts in testdata tell
// what a user types and sees; the Go tests do what a script cannot, such as
// killing daemons, terminals and registries.
package suite
