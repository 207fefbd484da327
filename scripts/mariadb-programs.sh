#!/usr/bin/env bash
# Finds MariaDB's programs or gets them, and prints the folder above their bin and sbin, or one with a program `run`, which runs
# any program of the packages that are unpacked in it.
# In this order: MARIADB_HOME; those of the suite of Debian that TIDEPOOL_MARIADB_SUITE names, with Galera; PATH; the
# distribution's packages, installed when root, else unpacked into the tools folder.
# TIDEPOOL_MARIADB_UNPACK=1 goes straight to the unpacked ones.
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=scripts/suite.sh
. "$ROOT/scripts/suite.sh"

PACKAGES=(mariadb-server-core mariadb-client-core)
UNPACKED=$TOOLS/mariadb
ADVICE="install MariaDB's server and client, or set MARIADB_HOME, or set TIDEPOOL_TEST_DATABASE_URL to a running server"

from_path() {
  local found home
  # The server usually lives in a folder that only root has in PATH.
  found=$(PATH=$PATH:/usr/local/sbin:/usr/sbin command -v mariadbd) || return 1
  home=$(dirname "$(dirname "$(readlink -f "$found")")")
  # A server without its client is half of what is needed; then the packages are got.
  [ -x "$home/bin/mariadb" ] && [ -x "$home/bin/my_print_defaults" ] || return 1
  printf '%s\n' "$home"
}

install_packages() {
  is_root && have apt-get || return 1
  # Another MySQL or MariaDB may be installed and in use; it is never removed for a test.
  if apt-get install --simulate --no-install-recommends "${PACKAGES[@]}" 2>/dev/null | grep -q '^Remv'; then return 1; fi
  apt_install "${PACKAGES[@]}" && from_path
}

# A private view of apt (own lists, own copy of the list of installed packages) needs no root and changes nothing.
unpack_packages() {
  have apt-get && have dpkg || return 1
  local root=$UNPACKED.new apt=$UNPACKED.new/apt deb lib
  say "unpacking ${PACKAGES[*]} into $UNPACKED"
  rm -rf "$root"
  mkdir -p "$apt"/lists/partial "$apt"/archives/partial
  cp /var/lib/dpkg/status "$apt/status"
  local options=(-o "Dir::State=$apt" -o "Dir::State::lists=$apt/lists" -o "Dir::State::status=$apt/status"
    -o "Dir::Cache=$apt" -o "Dir::Cache::archives=$apt/archives" -o "APT::Sandbox::User=$(id -un)"
    -o Acquire::Languages=none -o Acquire::Retries=2 -qq)
  {
    # One source out of reach does not matter when the packages come from another.
    apt-get "${options[@]}" update || true
    # --reinstall: the two packages themselves even when installed; of their libraries, only what is lacking.
    apt-get "${options[@]}" install -y --download-only --no-install-recommends --reinstall "${PACKAGES[@]}"
  } </dev/null >"$root/log" 2>&1 || { tail -n 20 "$root/log" >&2; return 1; }
  for deb in "$apt"/archives/*.deb; do
    [ -e "$deb" ] || { say "apt-get downloaded nothing"; return 1; }
    # Another C library than the one the machine runs on would break every program that sees it.
    case ${deb##*/} in libc6_* | libc-bin_*) continue ;; esac
    dpkg -x "$deb" "$root" || return 1
  done
  # One folder of libraries, so that the caller need not know the machine's multi-arch name.
  mkdir -p "$root/usr/lib/tidepool"
  find "$root" -path "$root/usr/lib/tidepool" -prune -o -name 'lib*.so*' -print |
    while read -r lib; do ln -sf "$UNPACKED${lib#"$root"}" "$root/usr/lib/tidepool/"; done
  rm -rf "$apt" "$UNPACKED"
  mv "$root" "$UNPACKED"
}

if [ -n "${MARIADB_HOME:-}" ]; then
  [ -d "$MARIADB_HOME" ] || fail "MARIADB_HOME is not a folder: $MARIADB_HOME"
  printf '%s\n' "$MARIADB_HOME"
  exit
fi
if [ -n "${TIDEPOOL_MARIADB_SUITE:-}" ]; then
  lock_tools
  of_suite=$TOOLS/mariadb-$TIDEPOOL_MARIADB_SUITE
  if [ ! -x "$of_suite/run" ]; then
    unpack_suite "$TIDEPOOL_MARIADB_SUITE" "$of_suite" mariadbd "${PACKAGES[@]}" galera-4 ||
      fail "the packages of MariaDB of Debian's $TIDEPOOL_MARIADB_SUITE could not be had: set MARIADB_HOME"
  fi
  printf '%s\n' "$of_suite"
  exit
fi
if [ -z "${TIDEPOOL_MARIADB_UNPACK:-}" ]; then
  from_path && exit
  install_packages && exit
fi
lock_tools
# Only a finished folder has this name, so an interrupted unpacking starts again.
if [ ! -x "$UNPACKED/usr/sbin/mariadbd" ]; then
  unpack_packages || fail "there is no mariadbd and its packages could not be had: $ADVICE"
fi
printf '%s\n' "$UNPACKED/usr"
