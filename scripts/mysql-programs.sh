#!/usr/bin/env bash
# Finds MySQL's programs or gets them, and prints their home: a folder with sbin and bin, or one with a program `run`,
# which runs any program of the packages that are unpacked in it.
# In this order: MYSQL_HOME; PATH, unless what is there is MariaDB; Debian's packages, unpacked into the tools folder.
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Only Debian's unstable suite has MySQL: its long-term line of the day. Its packages would not fit the machine's libraries,
# so all that they need comes along, down to the C library, and nothing of the machine is touched.
SUITE=sid
PACKAGES=(mysql-server-core mysql-client-core)
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

unpack_packages() {
  have apt-get && have dpkg && [ -r /usr/share/keyrings/debian-archive-keyring.gpg ] || return 1
  local root=$UNPACKED.new apt=$UNPACKED.new/apt mirror deb
  # Where this machine gets its packages from.
  mirror=$({ cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null || true; } |
    sed -nE 's#^(deb .*|URIs: *)(https?://[^ ]*/debian)/?( .*)?$#\2#p' | head -n 1)
  [ -n "$mirror" ] || { say "apt-get knows no mirror of Debian"; return 1; }
  say "unpacking ${PACKAGES[*]} of Debian's $SUITE into $UNPACKED"
  rm -rf "$root"
  mkdir -p "$apt"/lists/partial "$apt"/archives/partial
  # An empty machine, so that the packages' whole closure is got.
  : >"$apt/status"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $SUITE main" >"$apt/sources.list"
  cat >"$apt/apt.conf" <<CONF
Dir::State "$apt"; Dir::State::lists "$apt/lists"; Dir::State::status "$apt/status";
Dir::Cache "$apt"; Dir::Cache::archives "$apt/archives";
Dir::Etc::sourcelist "$apt/sources.list"; Dir::Etc::sourceparts "/dev/null"; Dir::Etc::preferencesparts "/dev/null";
APT::Sandbox::User "$(id -un)"; APT::Install-Recommends "false"; Acquire::Languages "none"; Acquire::Retries "2";
CONF
  {
    APT_CONFIG=$apt/apt.conf apt-get -qq update
    APT_CONFIG=$apt/apt.conf apt-get -qq -y --download-only install "${PACKAGES[@]}"
  } </dev/null >"$root/log" 2>&1 || { tail -n 20 "$root/log" >&2; return 1; }
  for deb in "$apt"/archives/*.deb; do
    [ -e "$deb" ] || { say "apt-get downloaded nothing"; return 1; }
    # Of no use to a server.
    case ${deb##*/} in perl* | libperl* | libgdbm* | libdb5* | gcc-*-base* | libc-gconv* | libudev*) continue ;; esac
    dpkg -x "$deb" "$root" || return 1
  done
  cat >"$root/run" <<'RUN'
#!/bin/sh
# run PROGRAM ARGUMENT...: runs a program of these packages with their own loader and libraries.
home=$(dirname "$(readlink -f "$0")")
name=$1
shift
for folder in usr/sbin usr/bin; do if [ -x "$home/$folder/$name" ]; then program=$home/$folder/$name; fi; done
loader=$(ls "$home"/usr/lib/*/ld-linux-*.so.* "$home"/usr/lib*/ld-linux-*.so.* 2>/dev/null | head -n 1)
libraries=$(dirname "$(ls "$home"/usr/lib/*/libc.so.6 | head -n 1)")
exec "$loader" --library-path "$libraries:$home/usr/lib/mysql/private:$home/usr/lib" "${program:?there is no $name in $home}" "$@"
RUN
  chmod +x "$root/run"
  "$root/run" mysqld --no-defaults --version >/dev/null || { say "the mysqld of the packages does not run here"; return 1; }
  rm -rf "$apt" "$UNPACKED"
  mv "$root" "$UNPACKED"
}

if [ -n "${MYSQL_HOME:-}" ]; then
  [ -d "$MYSQL_HOME" ] || fail "MYSQL_HOME is not a folder: $MYSQL_HOME"
  printf '%s\n' "$MYSQL_HOME"
  exit
fi
from_path && exit
lock_tools
# Only a finished folder has this name, so an interrupted unpacking starts again.
if [ ! -x "$UNPACKED/run" ]; then
  unpack_packages || fail "there is no mysqld and its packages could not be had: $ADVICE"
fi
printf '%s\n' "$UNPACKED"
