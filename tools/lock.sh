#!/usr/bin/env bash
# Write requirements/*.lock anew from pyproject.toml and requirements/*.in.
#
#   tools/lock.sh             keep the pins that still satisfy them
#   tools/lock.sh --upgrade   take the newest of everything
#
# A lock names versions and hashes, never an address: whoever installs brings their own index (ADR 0008).
set -euo pipefail
cd "$(dirname "$0")/.."

uv=${UV:-$(command -v "${VENV:-.venv}/bin/uv" || command -v uv)}

lock() { # NAME INPUT [option...]
  local name=$1 input=$2
  shift 2
  "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-header --no-emit-index-url --no-emit-find-links "$input" "$@" --output-file "requirements/$name.lock"
}

shared=(--constraints requirements/core.lock --constraints requirements/build.lock) # one version of a package in all sets
lock installer requirements/installer.in "$@"
lock core pyproject.toml "$@"
lock build requirements/build.in --constraints requirements/core.lock "$@"
lock test pyproject.toml --extra test "${shared[@]}" "$@" # what tests have together, others share with them
shared+=(--constraints requirements/test.lock)
for extra in $("${PYTHON:-python3}" -c '
import tomllib
extras = tomllib.load(open("pyproject.toml", "rb"))["project"].get("optional-dependencies", {})
print(*(extra for extra in extras if extra != "test"))'); do
  lock "$extra" pyproject.toml --extra "$extra" "${shared[@]}" "$@"
  [ "$extra" != bench ] || shared+=(--constraints requirements/bench.lock) # whoever comes after it wants some of the same
done
