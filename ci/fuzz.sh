#!/usr/bin/env bash
# Fuzzes a real cardplaned by its OpenAPI document with schemathesis, which is
# installed from PyPI into a cache. Arguments go to ci/cmd/fuzzapi.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly requirements=ci/fuzz/requirements.txt
venv=${XDG_CACHE_HOME:-$HOME/.cache}/cardplane/fuzz-$(sha256sum $requirements | cut -c1-16)
if [ ! -e "$venv/complete" ]; then
  ci/setup.sh --fuzz
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --no-deps --only-binary :all: -r $requirements
  touch "$venv/complete"
fi
export SCHEMATHESIS_HOOKS=$PWD/ci/fuzz/hooks.py
exec go run ./ci/cmd/fuzzapi --schemathesis "$venv/bin/schemathesis" "$@"
