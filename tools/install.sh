#!/usr/bin/env bash
# Put the packages of a lock file, or the project itself, into a virtual environment.
#
#   tools/install.sh VENV LOCK   every package is checked against the hashes of the lock
#   tools/install.sh VENV        the project, as it stands in this folder, its native engine built anew
#
# The pinned uv does the work, in seconds; where it cannot (no wheel for this machine, an index that only pip is
# configured for) pip does the same.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=$1
lock=${2:-}
say() { printf '%s\n' "$*" >&2; }

suits() { # new enough, and able to create environments
  "$1" -c 'import sys; assert sys.version_info >= (3, 11); import ensurepip, venv' >/dev/null 2>&1
}

find_python() {
  local candidate
  for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.14}; do
    if suits "$candidate"; then
      printf '%s' "$candidate"
      return
    fi
  done
  say "Tacit needs Python 3.11 or newer with its venv module; none of these is: ${PYTHON:-python3, python3.11 to python3.14}."
  say "Install one (Debian: apt-get install python3 python3-venv) or name it: make up PYTHON=/path/to/python3"
  exit 1
}

if [ ! -x "$venv/bin/python" ]; then
  python=$(find_python)
  say "creating $venv with $("$python" --version)"
  "$python" -m venv "$venv"
fi
"$venv/bin/python" -m pip --version >/dev/null 2>&1 || "$venv/bin/python" -m ensurepip >/dev/null

pip() { "$venv/bin/python" -m pip --disable-pip-version-check "$@"; }
uv() { "$venv/bin/uv" "$@"; }

if [ "${INSTALLER:-uv}" = uv ] && ! uv --version >/dev/null 2>&1; then
  pip install --quiet --require-hashes --only-binary :all: -r requirements/installer.lock ||
    say "uv cannot be had here; pip will do, more slowly"
fi

has_uv() { [ "${INSTALLER:-uv}" = uv ] && uv --version >/dev/null 2>&1; }

install_packages() {
  say "installing $lock"
  if has_uv; then
    uv pip install --python "$venv/bin/python" --require-hashes -r requirements/build.lock -r "$lock" && return
    say "uv did not manage; trying pip"
  fi
  pip install --quiet --require-hashes -r requirements/build.lock -r "$lock"
}

# Nothing is resolved or fetched for the project itself: its build backend, CMake included, came with build.lock.
install_project() {
  say "building the project"
  if has_uv; then
    uv pip install --quiet --python "$venv/bin/python" --reinstall --no-deps --no-build-isolation --editable .
  else
    pip install --quiet --force-reinstall --no-deps --no-build-isolation --editable .
  fi
  "$venv/bin/python" tools/native/freshness.py || say "Tacit will run without its native engine, much more slowly.
What it needs is a C++20 compiler and the headers of Python (Debian: apt-get install g++ python3-dev).  Then: make native
To see why it was not built: REQUIRE_NATIVE=1 make native"
}

if [ -n "$lock" ]; then install_packages; else install_project; fi
