#!/usr/bin/env bash
# Migrations are append-only: a released one has run in somebody's database and must never change again.
# migrations/released.txt holds "sha256  path" of each; scripts/release-migrations.sh adds to it.
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"

list=migrations/released.txt
[ -f "$list" ] || fail "$list is missing: restore it from version control"

bad=0
while read -r hash path rest || [ -n "$hash" ]; do
  case $hash in '' | '#'*) continue ;; esac
  if [[ ! $hash =~ ^[0-9a-f]{64}$ || -z $path || -n $rest ]]; then
    say "$list: not \"sha256  path\": $hash $path $rest"
  elif [ ! -f "$path" ]; then
    say "$path: a released migration is gone; restore it, and undo its effect in a new migration"
  elif [ "$(sha256sum <"$path")" != "$hash  -" ]; then
    say "$path: a released migration has changed; restore it, and put the change into a new migration"
  else
    continue
  fi
  bad=1
done <"$list"
exit "$bad"
