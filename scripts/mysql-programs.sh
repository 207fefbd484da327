#!/usr/bin/env bash
# Finds MySQL's programs or gets them, and prints their home: a folder with sbin and bin, or one with a program `run`,
# which runs any program of the packages that are unpacked in it.
# In this order: MYSQL_HOME; PATH, unless what is there is MariaDB; Debian's packages, unpacked into the tools folder.
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=scripts/suite.sh
. "$ROOT/scripts/suite.sh"

# Only Debian's unstable suite has MySQL: its long-term line of the day.
SUITE=sid
UNPACKED=$TOOLS/mysql
ADVICE="install MySQL's server and client, or set MYSQL_HOME, or set TIDEPOOL_TEST_DATABASE_URL to a running server"

from_path() {
  local found home
  found=$(PATH=$PATH:/usr/local/sbin:/usr/sbin command -v mysqld) || return 1
  # MariaDB calls itself so too.
  if "$found" --no-defaults --version 2>/dev/null | grep -qi mariadb; then return 1; fi
  home=$(dirname "$(dirname "$(readlink -f "$found")")")
  [ -x "$home/bin/mysql" ] && printf '%s\n' "$home"
}

if [ -n "${MYSQL_HOME:-}" ]; then
  [ -d "$MYSQL_HOME" ] || fail "MYSQL_HOME is not a folder: $MYSQL_HOME"
  printf '%s\n' "$MYSQL_HOME"
  exit
fi
from_path && exit
lock_tools
if [ ! -x "$UNPACKED/run" ]; then
  unpack_suite "$SUITE" "$UNPACKED" mysqld mysql-server-core mysql-client-core ||
    fail "there is no mysqld and its packages could not be had: $ADVICE"
fi
printf '%s\n' "$UNPACKED"
