#!/usr/bin/env bash
# Fetch what the tests drive besides Python packages, where we may; a test that misses something says so and is skipped.
# With REQUIRE_SERVERS=1 a server that is neither here nor to be had is an error: the gate is not to pass untested.
set -euo pipefail

have() { command -v "$1" >/dev/null 2>&1; }
have_chromium() { have chromium || have chromium-browser || have google-chrome; }
have_postgres() { # 15 or newer: what the tests take
  have initdb || compgen -G '/usr/lib/postgresql/1[5-9]/bin/initdb' >/dev/null ||
    compgen -G '/usr/lib/postgresql/[2-9][0-9]/bin/initdb' >/dev/null
}
have_redis() { have redis-server; }
have_watchers() { have prometheus && have promtool && { have prometheus-alertmanager || have alertmanager; }; }

apt=(-qq -o DPkg::Lock::Timeout=120) # a machine just started may be upgrading itself

quietly() { # COMMAND...: what it says is told only if it fails
  local said
  said=$("$@" 2>&1 </dev/null) || { tail -n 5 <<<"$said" >&2; return 1; }
}

install_stopped() { # PACKAGE...: the same, and no service of theirs is started: the tests, and Tacit itself, run their own
  local policy=/usr/sbin/policy-rc.d is_ours=0
  if [ ! -e "$policy" ]; then
    is_ours=1
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
  fi
  local outcome=0
  install "$@" || outcome=$?
  [ $is_ours = 0 ] || rm -f "$policy"
  return $outcome
}

install() { # PACKAGE...: quietly unless it fails, and no cluster of the machine's own is made for it
  local settings=/etc/postgresql-common/createcluster.conf
  if [ ! -e "$settings" ]; then
    mkdir -p "${settings%/*}"
    echo "create_main_cluster = false" >"$settings"
  fi
  quietly apt-get install "${apt[@]}" --yes --no-install-recommends "$@"
}

missing=()
have_chromium || missing+=(chromium)
have_postgres || missing+=(postgres)
have_redis || missing+=(redis)
have_watchers || missing+=(watchers)
have fiu-run || missing+=(faults)
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" = 0 ] && have apt-get; then
  export DEBIAN_FRONTEND=noninteractive
  quietly apt-get update "${apt[@]}" || true
  for each in "${missing[@]}"; do
    case $each in
      postgres) install postgresql-15 || install postgresql || true ;;
      redis) install redis-server || true ;;
      watchers) install_stopped prometheus prometheus-alertmanager || true ;;
      chromium) install chromium || true ;;
      faults) install fiu-utils || true ;;
    esac
  done
fi

have_chromium || echo "no Chromium here: the browser tests will be skipped (Debian: apt-get install chromium)" >&2
have fiu-run || echo "no fiu-run here: a few faults of the disk will not be tried (Debian: apt-get install fiu-utils)" >&2
lacking=0
have_postgres || { lacking=1; echo "no PostgreSQL here: its tests will be skipped (Debian: apt-get install postgresql)" >&2; }
have_redis || { lacking=1; echo "no Redis here: its tests will be skipped (Debian: apt-get install redis-server)" >&2; }
have_watchers || {
  lacking=1
  echo "no Prometheus or no Alertmanager here: tests of alerts will be skipped" \
    "(Debian: apt-get install prometheus prometheus-alertmanager)" >&2
}
if [ "${REQUIRE_SERVERS:-}" = 1 ] && [ $lacking = 1 ]; then
  echo "the gate needs these servers, and they could not be installed" >&2
  exit 1
fi
