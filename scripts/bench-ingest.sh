#!/usr/bin/env bash
# Measures how activities come in. See benches/ingest/main.rs.
#   bench-ingest.sh [--quick] [--accounts N] [--batches N] [--calls N] [--watched N] [--rounds N] [--json FILE]
#   bench-ingest.sh --replay [N] [--json FILE]   tells of N activities (a million) twice, and of nothing else
exec "$(dirname "${BASH_SOURCE[0]}")/bench-on-mariadb.sh" ingest "$@"
