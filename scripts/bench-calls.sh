#!/usr/bin/env bash
# Measures what calls cost. See benches/calls/main.rs.
#   bench-calls.sh [--quick] [--accounts N] [--rounds N] [--json FILE]
exec "$(dirname "${BASH_SOURCE[0]}")/bench-on-mariadb.sh" calls "$@"
