#!/usr/bin/env bash
# What every script here shares: where things are, how to speak, how to get what the machine lacks. Sourced, not run.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Everything fetched goes here, outside the system; one folder to delete.
TOOLS=${TIDEPOOL_TOOLS:-$ROOT/.tools}
# shellcheck disable=SC2034 # used by the scripts that source this one
PYTHON_TOOLS=$TOOLS/python

# Messages go to stderr: stdout belongs to what a script was asked for.
say() { printf '%s\n' "$*" >&2; }
fail() { say "error: $*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
is_root() { [ "$(id -u)" = 0 ]; }

# apt_install PACKAGE...: the old package list first, a fresh one only when that is not enough (bare images have none).
apt_install() {
  have apt-get && is_root || return 1
  say "installing with apt-get: $*"
  local log rc=0
  log=$(mktemp)
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" </dev/null >"$log" 2>&1 || {
    # A source that cannot be reached must not stop the others, so only the second install decides.
    apt-get update </dev/null >>"$log" 2>&1 || true
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" </dev/null >>"$log" 2>&1 || rc=$?
  }
  [ "$rc" = 0 ] || tail -n 20 "$log" >&2
  rm -f "$log"
  return "$rc"
}

# fast_folder: where throw-away databases lie. In memory where there is room for them: they wait for disks more than they
# compute, and nothing of them is to last.
fast_folder() {
  local needed=$((3 * 1024 * 1024)) room memory
  room=$(df --output=avail -k /dev/shm 2>/dev/null | tail -n 1) || room=0
  memory=$(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo 2>/dev/null) || memory=0
  if [ -w /dev/shm ] && [ "${room:-0}" -ge "$needed" ] && [ "${memory:-0}" -ge $((2 * needed)) ]; then
    echo /dev/shm
  else
    echo "${TMPDIR:-/tmp}"
  fi
}

# lock_tools: two runs at once (an editor's and a terminal's) must not build the same folder. Held until the script ends.
lock_tools() {
  mkdir -p "$TOOLS"
  exec 9>"$TOOLS/lock"
  flock 9
}

# need_python: a python3 that can make virtual environments (Debian ships that half apart).
need_python() {
  python3 -c 'import ensurepip, venv' >/dev/null 2>&1 && return
  apt_install python3 python3-venv || fail "python3 with the venv module is needed: install the packages python3 and python3-venv"
  python3 -c 'import ensurepip, venv' >/dev/null 2>&1 || fail "the python3 found first in PATH ($(command -v python3)) has no venv module"
}

# python_venv DIR REQUIREMENTS: a virtual environment with exactly these pinned packages; does nothing when it is there.
python_venv() {
  local dir=$1 requirements=$2 want
  # The folder's own path is part of the key, since a virtual environment does not survive being moved.
  want=$(sha256sum <"$requirements" | cut -c1-64)" $dir"
  if [ "$(cat "$dir/stamp" 2>/dev/null || true)" = "$want" ] && "$dir/bin/python" -c '' 2>/dev/null; then return; fi
  need_python
  say "python packages of ${requirements#"$ROOT"/} into $dir"
  mkdir -p "$(dirname "$dir")"
  rm -rf "$dir"
  python3 -m venv "$dir"
  "$dir/bin/pip" install --quiet --disable-pip-version-check --no-input --requirement "$requirements" ||
    fail "pip could not install ${requirements#"$ROOT"/}; see above"
  printf '%s\n' "$want" >"$dir/stamp"
}
