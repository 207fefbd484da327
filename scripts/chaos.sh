#!/usr/bin/env bash
# Storms of random faults against services on SQLite and on a private MariaDB that is stopped however it ends; docs/reliability.md
# says which, and what is checked. Settings come from the environment:
#   MINUTES=60 or ROUNDS=20    how long each of the two is; ten rounds if neither is said
#   SEED=17                    what is drawn; a new one if it is not said, which is printed
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"

folder=$(mktemp -d "$(fast_folder)/tidepool-chaos.XXXXXX")
trap 'scripts/mariadb.sh stop "$folder/server"; rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM HUP
mkdir "$folder/files"
export TIDEPOOL_TEST_FOLDER=$folder/files TIDEPOOL_CHAOS_MINUTES=${MINUTES:-} TIDEPOOL_CHAOS_ROUNDS=${ROUNDS:-}
if [ -n "${SEED:-}" ]; then export TIDEPOOL_TEST_SEED=$SEED; fi
unset TIDEPOOL_TEST_DATABASE_URL TIDEPOOL_TEST_POOL_SIZE

storm() { cargo test --locked --test it -- --ignored --exact chaos::a_long_storm; }

say "a storm on SQLite"
storm
say "a storm on MariaDB"
# Of this server the storm takes the kind: the one that it kills is its own.
TIDEPOOL_TEST_DATABASE_URL=$(scripts/mariadb.sh start "$folder/server")
export TIDEPOOL_TEST_DATABASE_URL
storm
