#!/usr/bin/env bash
# Runs Go's fuzz targets for FUZZTIME each: those that are named, or all. What
# one finds is kept in its package's testdata/fuzz, where go test runs it again.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "fuzz: $1" >&2; exit 1; }

# targets prints the package and the name of each target.
targets() { grep -rEo '^func Fuzz[A-Za-z0-9]+' --include='*_test.go' . | sed -E 's,/[^/]*:func , ,' | sort -u; }

all=$(targets)
for name in "$@"; do
  grep -q " $name\$" <<<"$all" || fail "there is no target $name"
done
while read -r package name; do
  [ $# = 0 ] || [[ " $* " == *" $name "* ]] || continue
  go test -run '^$' -fuzz "^$name\$" -fuzztime "${FUZZTIME:-10s}" "$package" </dev/null
done <<<"$all"
