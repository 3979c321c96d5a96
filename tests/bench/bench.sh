#!/usr/bin/env bash
# Measures docbridged against peers and floors in one run, prints one table and leaves one JSON file.
#
#   bench.sh [--quick] [--only SECTION,...]     sections: unary mtls reading mapping memory start token parse sync reveal audit account requests search
#
# Called by `./dev bench`, which has built docbridged's own parts' needs. Installs what only the
# peers need, builds everything optimised, starts Postgres (fsync on) and the emulator, and removes
# all of it at the end, also on Ctrl-C.
set -euo pipefail
BENCH_ROOT=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
cd "$BENCH_ROOT"

PACKAGES="g++ gcc jq libgrpc++-dev nghttp2-client protobuf-compiler-grpc python3"

install_packages() {
  local missing=() package
  for package in $PACKAGES; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  echo "installing ${missing[*]}" >&2
  local root=()
  [ "$(id -u)" = 0 ] || root=(sudo)
  "${root[@]}" apt-get update -qq
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

install_node() {
  local stamp=$BENCH_NODE/package-lock.json
  cmp -s tests/bench/node/package-lock.json "$stamp" && [ -d "$BENCH_NODE/node_modules" ] && return 0
  mkdir -p "$BENCH_NODE"
  cp tests/bench/node/package.json tests/bench/node/package-lock.json "$BENCH_NODE/"
  (cd "$BENCH_NODE" && npm ci --ignore-scripts --no-audit --no-fund --silent) || { rm -f "$stamp"; return 1; }
}

# Options of Bazel come from DEV_BAZEL_FLAGS (before the verb from DEV_BAZEL_STARTUP), as everywhere.
build() {
  local flags=()
  read -ra flags <<<"${DEV_BAZEL_FLAGS:-}"
  local startup=()
  read -ra startup <<<"${DEV_BAZEL_STARTUP:-}"
  bazel "${startup[@]}" build --symlink_prefix=/ --config=release "${flags[@]}" //server:docbridged //client:docbridge \
    //tests/itglue_emulator //proto:contracts_set //tests/bench:programs
  BENCH_BIN=$(bazel "${startup[@]}" info --config=release "${flags[@]}" bazel-bin 2>/dev/null)
}

BENCH_NODE=$BENCH_ROOT/.docbridge/bench-node
install_packages
python3 tests/bench/options.py "$@"
case " $* " in *" -h "* | *" --help "*) exit 0 ;; esac
install_node
build
export BENCH_ROOT BENCH_NODE BENCH_BIN BENCH_CONTRACTS=$BENCH_BIN/proto/contracts_set.pb
export DOCBRIDGED=$BENCH_BIN/server/docbridged DOCBRIDGE=$BENCH_BIN/client/docbridge
export EMULATOR=$BENCH_BIN/tests/itglue_emulator/itglue_emulator

# shellcheck source=tests/e2e/stack.sh
. tests/e2e/stack.sh

# The benchmark starts docbridged by itself, pinned and more than once; here is what all have in common.
stack_settings() {
  cat >"$STACK/docbridged.ini" <<END
token_jwks_file = $STACK/jwks.json
token_issuer = $ISSUER
database_url = host=$STACK/postgres user=docbridged dbname=docbridge
master_key_file = $STACK/master-key
development = true
itglue_eu_url = $EU
itglue_ca_file = $STACK/ca.pem
sync_request_limit = 1000000
sync_request_window_ms = 300000
END
}
stack_docbridged_start() { :; }

rows=200000
case " $* " in *" --quick "*) rows=40000 ;; esac
trap stack_stop EXIT
trap 'exit 130' INT TERM
ulimit -n "$(ulimit -Hn)"
export STACK_DURABLE=1
stack_start "$(mktemp -d /tmp/docbridge-bench.XXXXXX)" --limit 0 --organizations 40 \
  --passwords $((rows / 2)) --flexible-assets $((rows / 2))
stack_companies >"$STACK/companies.jsonl"
export STACK API_KEY ADMIN EU
python3 tests/bench/bench.py "$@" &
# Waited for in the background so that a signal is acted on at once; bench.py stops what it started.
python=$!
trap 'kill -INT $python 2>/dev/null; wait $python; exit 130' INT TERM
wait $python
