#!/usr/bin/env bash
# Measures the sweep. See benches/sweep/main.rs.
#   bench-sweep.sh [--accounts N] [--due N] [--rounds N] [--json FILE]
exec "$(dirname "${BASH_SOURCE[0]}")/bench-on-mariadb.sh" sweep "$@"
