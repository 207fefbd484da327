#!/usr/bin/env bash
# Run at a release: from now on the migrations of this tree must not change (scripts/check-migrations.sh holds that).
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"

scripts/check-migrations.sh
list=migrations/released.txt
added=0
for path in migrations/src/m*.rs; do
  [ -e "$path" ] || continue
  grep -qF "  $path" "$list" && continue
  sha256sum "$path" >>"$list"
  say "released: $path"
  added=$((added + 1))
done
say "$added added to $list"
