#!/usr/bin/env bash
# Finds mariadb-dump or gets it, and prints its path: from MARIADB_HOME, PATH, or the distribution's package
# mariadb-client, of which only this program is unpacked into the tools folder. Ends with 1 when it cannot be had.
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

UNPACKED=$TOOLS/mariadb-dump

if [ -n "${MARIADB_HOME:-}" ] && [ -x "$MARIADB_HOME/bin/mariadb-dump" ]; then
  printf '%s\n' "$MARIADB_HOME/bin/mariadb-dump"
  exit
fi
command -v mariadb-dump && exit
lock_tools
if ! "$UNPACKED/mariadb-dump" --version >/dev/null 2>&1; then
  if ! have apt-get || ! have dpkg; then fail "there is no mariadb-dump, and no apt-get to get it with"; fi
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  # Another program than the one in the package would be another version than the server's.
  (cd "$work" && apt-get download -qq mariadb-client) </dev/null >"$work/log" 2>&1 ||
    { tail -n 5 "$work/log" >&2; fail "the package mariadb-client cannot be had"; }
  dpkg -x "$work"/mariadb-client_*.deb "$work/root"
  mkdir -p "$UNPACKED"
  mv "$work/root/usr/bin/mariadb-dump" "$UNPACKED/mariadb-dump"
  "$UNPACKED/mariadb-dump" --version >/dev/null || fail "the mariadb-dump of the package does not run here"
fi
printf '%s\n' "$UNPACKED/mariadb-dump"
