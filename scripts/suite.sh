#!/usr/bin/env bash
# Packages of a suite of Debian that need not be the machine's. They would not fit the machine's libraries, so all that they
# need comes along, down to the C library, and nothing of the machine is touched. Sourced, not run, after lib.sh.

# unpack_suite SUITE DIR DAEMON PACKAGE...: unpacks the packages into DIR, which is there afterwards or not at all, with a
# program `run` in it, which runs any other program of them. DAEMON is tried.
unpack_suite() {
  local suite=$1 unpacked=$2 daemon=$3 mirror deb
  local root=$unpacked.new apt=$unpacked.new/apt
  shift 3
  have apt-get && have dpkg && [ -r /usr/share/keyrings/debian-archive-keyring.gpg ] || return 1
  # Where this machine gets its packages from.
  mirror=$({ cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null || true; } |
    sed -nE 's#^(deb .*|URIs: *)(https?://[^ ]*/debian)/?( .*)?$#\2#p' | head -n 1)
  [ -n "$mirror" ] || { say "apt-get knows no mirror of Debian"; return 1; }
  say "unpacking $* of Debian's $suite into $unpacked"
  rm -rf "$root"
  mkdir -p "$apt"/lists/partial "$apt"/archives/partial
  # An empty machine, so that the packages' whole closure is got.
  : >"$apt/status"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$apt/sources.list"
  cat >"$apt/apt.conf" <<CONF
Dir::State "$apt"; Dir::State::lists "$apt/lists"; Dir::State::status "$apt/status";
Dir::Cache "$apt"; Dir::Cache::archives "$apt/archives";
Dir::Etc::sourcelist "$apt/sources.list"; Dir::Etc::sourceparts "/dev/null"; Dir::Etc::preferencesparts "/dev/null";
APT::Sandbox::User "$(id -un)"; APT::Install-Recommends "false"; Acquire::Languages "none"; Acquire::Retries "2";
CONF
  {
    APT_CONFIG=$apt/apt.conf apt-get -qq update
    APT_CONFIG=$apt/apt.conf apt-get -qq -y --download-only install "$@"
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
first() { for found in "$@"; do if [ -e "$found" ]; then echo "$found" && return; fi; done; }
loader=$(first "$home"/usr/lib/*/ld-linux-*.so.* "$home"/usr/lib*/ld-linux-*.so.* "$home"/lib/*/ld-linux-*.so.* "$home"/lib*/ld-linux-*.so.*)
own=$(dirname "$(first "$home"/usr/lib/*/libc.so.6 "$home"/lib/*/libc.so.6)")
libraries=$own:$home/usr/lib/${own##*/}:$home/usr/lib/mysql/private:$home/usr/lib
exec "$loader" --library-path "$libraries" "${program:?there is no $name in $home}" "$@"
RUN
  chmod +x "$root/run"
  "$root/run" "$daemon" --no-defaults --version >/dev/null || { say "the $daemon of the packages does not run here"; return 1; }
  rm -rf "$apt" "$unpacked"
  # Only a finished folder has this name, so an interrupted unpacking starts again.
  mv "$root" "$unpacked"
}
