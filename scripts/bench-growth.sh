#!/usr/bin/env bash
# Measures whether what people do costs more where there is more. See benches/growth/main.rs.
#   bench-growth.sh [--quick] [--accounts N] [--rounds N] [--json FILE]
exec "$(dirname "${BASH_SOURCE[0]}")/bench-on-mariadb.sh" growth "$@"
