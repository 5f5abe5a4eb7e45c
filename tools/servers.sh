#!/usr/bin/env bash
# Fetch what the tests drive besides Python packages, where we may; a test that misses something says so and is skipped.
set -euo pipefail

have() { command -v "$1" >/dev/null 2>&1; }

if have chromium || have chromium-browser || have google-chrome; then
  exit 0
fi
if [ "$(id -u)" != 0 ] || ! have apt-get; then
  echo "no Chromium here: the browser tests will be skipped (Debian: apt-get install chromium)" >&2
  exit 0
fi
export DEBIAN_FRONTEND=noninteractive
{ apt-get update -qq && apt-get install -qq --yes --no-install-recommends chromium; } >/dev/null </dev/null ||
  echo "Chromium could not be installed: the browser tests will be skipped" >&2
