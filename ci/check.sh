#!/usr/bin/env bash
# The static checks. Each prints what to do when it fails.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "check: $1" >&2; exit 1; }

generated() {
  find openapi \( -name '*.gen.go' -o -name '*.gen.ts' -o -path '*/cardplane/rest/*.py' \) -exec sha256sum {} + | sort
}

# fresh: generating must change nothing. ci/sdk.sh compiles and lints the SDKs, too.
fresh() {
  local before
  before=$(generated)
  go generate ./openapi
  ci/sdk.sh
  [ "$before" = "$(generated)" ] || fail 'generated code was stale; it is fresh now: commit it'
}

tidy() { go mod tidy -diff >/dev/null || fail 'go.mod is not tidy: run go mod tidy'; }

# lint holds the OpenAPI documents against openapi/.spectral.yaml.
lint() {
  local tools=build/lint
  ci/setup.sh --lint
  mkdir -p $tools
  if ! cmp -s ci/lint/package-lock.json $tools/package-lock.json; then
    cp ci/lint/package.json ci/lint/package-lock.json $tools/
    npm --prefix $tools ci --ignore-scripts --no-audit --no-fund --silent || { rm -f $tools/package-lock.json; fail 'the linter could not be installed from npm'; }
  fi
  $tools/node_modules/.bin/spectral lint --quiet --fail-severity=warn -r openapi/.spectral.yaml openapi/*.yaml ||
    fail 'an OpenAPI document breaks openapi/.spectral.yaml'
}

fresh
tidy
lint
go vet ./...
# Packages that hold nothing but generated code are their generator's business.
go list ./... | grep -vE '/openapi/[a-z]+api$' | xargs go tool staticcheck
go test ./ci/repo/ ./openapi/...
for script in ci/*.sh .ci/run; do bash -n "$script"; done
