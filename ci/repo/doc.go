// Package repo holds no code: its tests are the rules of this repository.
// Each failure says what to do.
package repo
