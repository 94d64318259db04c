// Package version names the release of Cardplane. Every binary says the same,
// because they are built from one tree.
package version

// Release follows semantic versioning. The API's own version is in its path.
const Release = "0.1.0"
