#!/usr/bin/env bash
# The whole stack on loopback: Postgres, the IT Glue emulator, docbridged over TLS, and a token.
#
#   stack.sh up     starts it and prints commands to try; stack.sh down stops it
#
# Sourced by demo.sh and the tests, it gives stack_start DIR [emulator flags], stack_stop and the
# command `cli`, and sets STACK (the directory), SERVER, API_KEY, ADMIN (the emulator's admin URL).
# Programs come from BIN (default: bazel-bin of this checkout).
set -euo pipefail

stack_root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
stack_docbridged=${DOCBRIDGED:-$stack_root/bazel-bin/server/docbridged}
stack_cli=${DOCBRIDGE:-$stack_root/bazel-bin/client/docbridge}
stack_emulator=${EMULATOR:-$stack_root/bazel-bin/tests/itglue_emulator/itglue_emulator}
ISSUER=https://portal.example
TENANT=${TENANT:-msp-demo}

# Waits until a command succeeds, at most so many seconds.
stack_wait() {
  local seconds=$1 what=$2
  shift 2
  for _ in $(seq $((seconds * 20))); do
    "$@" >/dev/null 2>&1 && return 0
    sleep 0.05
  done
  echo "$what did not come up within $seconds s" >&2
  return 1
}

# An authority, a certificate of the server and one of a client, for localhost.
stack_certificates() {
  local dir=$1 name
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=docbridge test CA" \
    -keyout "$dir/ca.key" -out "$dir/ca.pem" 2>/dev/null
  for name in server client; do
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name" \
      -keyout "$dir/$name.key" -out "$dir/$name.csr" 2>/dev/null
    openssl x509 -req -in "$dir/$name.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -CAcreateserial -days 2 \
      -extfile <(echo "subjectAltName=DNS:localhost,IP:127.0.0.1") -out "$dir/$name.pem" 2>/dev/null
  done
}

# stack_token FILE [extra flags of `token mint`]: a token of an administrator who may do everything.
stack_token() {
  local file=$1
  shift
  (umask 077 && "$stack_cli" token mint --private-key "$STACK/issuer.jwk" --issuer $ISSUER --audience docbridge \
    --tenant "$TENANT" --subject ada --name "Ada Admin" --actor human \
    --permission manage_integrations --permission read_documentation \
    --permission read_documentation_passwords --permission read_audit "$@" >"$file")
}

stack_emulator_start() {
  "$stack_emulator" --ready-file "$STACK/emulator.ready" --tls-cert "$STACK/server.pem" --tls-key "$STACK/server.key" \
    --region eu "$@" >"$STACK/emulator.log" 2>&1 &
  echo $! >"$STACK/emulator.pid"
  stack_wait 20 "the emulator" test -s "$STACK/emulator.ready"
  API_KEY=$(sed -n 's/^api-key: //p' "$STACK/emulator.log")
  (umask 077 && printf '%s\n' "$API_KEY" >"$STACK/api-key")
  ADMIN=http://127.0.0.1:$(sed -n 's/^admin=//p' "$STACK/emulator.ready")
  EU=https://127.0.0.1:$(sed -n 's/^eu=//p' "$STACK/emulator.ready")
}

# The settings of the stack; more may be appended before stack_docbridged_start.
stack_settings() {
  cat >"$STACK/docbridged.ini" <<END
listen = 127.0.0.1:${STACK_PORT:-0}
tls_certificate_file = $STACK/server.pem
tls_key_file = $STACK/server.key
token_jwks_file = $STACK/jwks.json
token_issuer = $ISSUER
database_url = host=$STACK/postgres${STACK_POOLER:+/pooler} user=docbridged dbname=docbridge
pooler = ${STACK_POOLER:-session}
master_key_file = $STACK/master-key
audit_signing_key_file = $STACK/audit-key
reflection = true
development = true
itglue_us_url = https://127.0.0.1:$(sed -n 's/^us=//p' "$STACK/emulator.ready")
itglue_eu_url = $EU
itglue_au_url = https://127.0.0.1:$(sed -n 's/^au=//p' "$STACK/emulator.ready")
itglue_ca_file = $STACK/ca.pem
upstream_image_hosts = 127.0.0.1
END
}

stack_port() {
  sed -n 's/.*"message":"serving".*"port":\([0-9]*\).*/\1/p' "$STACK/docbridged.log" | tail -n 1 | grep .
}

stack_docbridged_start() {
  : >"$STACK/docbridged.log"
  "$stack_docbridged" --config "$STACK/docbridged.ini" >>"$STACK/docbridged.log" 2>&1 &
  echo $! >"$STACK/docbridged.pid"
  stack_wait 20 docbridged stack_port || { cat "$STACK/docbridged.log" >&2; return 1; }
  SERVER=localhost:$(stack_port)
}

# stack_end NAME SIGNAL: ends one of the programs that this stack started, and waits for it.
stack_end() {
  local file=$STACK/$1.pid pid
  [ -s "$file" ] || return 0
  pid=$(cat "$file")
  rm -f "$file"
  kill "-$2" "$pid" 2>/dev/null || return 0
  for _ in $(seq 300); do
    kill -0 "$pid" 2>/dev/null || return 0
    # A killed child of this shell stays a zombie until it is waited for.
    [ "$(sed -n 's/^State:\s*\(.\).*/\1/p' "/proc/$pid/status" 2>/dev/null)" != Z ] || return 0
    sleep 0.05
  done
  kill -KILL "$pid" 2>/dev/null || true
}

stack_start() {
  STACK=$1
  shift
  mkdir -p "$STACK"
  chmod 755 "$STACK"
  "$stack_root/tests/support/postgres.sh" start "$STACK/postgres" ${STACK_DURABLE:+durable}
  [ -z "${STACK_POOLER:-}" ] || "$stack_root/tests/support/postgres.sh" pooler "$STACK/postgres"
  "$stack_docbridged" migrate \
    --owner-database-url "host=$STACK/postgres user=docbridge_owner dbname=docbridge" >"$STACK/migrate.log" 2>"$STACK/migrate.err" ||
    { cat "$STACK/migrate.err" >&2; return 1; }
  stack_certificates "$STACK"
  (umask 077 && head -c 32 /dev/urandom >"$STACK/master-key" && head -c 32 /dev/urandom >"$STACK/audit-key")
  "$stack_cli" token keys --private-key "$STACK/issuer.jwk" --jwks "$STACK/jwks.json" 2>/dev/null
  stack_emulator_start "$@"
  stack_settings
  stack_docbridged_start
  stack_token "$STACK/token"
}

stack_stop() {
  [ -n "${STACK:-}" ] || return 0
  stack_end docbridged TERM
  stack_end emulator TERM
  "$stack_root/tests/support/postgres.sh" stop "$STACK/postgres" 2>/dev/null || true
  rm -rf "$STACK"
}

cli() {
  "$stack_cli" --server "$SERVER" --ca "$STACK/ca.pem" --token-file "${TOKEN_FILE:-$STACK/token}" "$@"
}

# The companies that a portal would have pushed: the emulator's organizations by other ids, most with
# their PSA id, some only with their name, a few not at all.
stack_companies() {
  curl -sf "$ADMIN/account/dump?collection=organizations" >"$STACK/organizations.json"
  curl -sf "$ADMIN/account/dump?collection=adapters_resources" |
    jq -c --slurpfile organizations "$STACK/organizations.json" '
      (map({(.parent_id | tostring): .attributes["remote-id"]}) | add) as $psa
      | $organizations[0] | to_entries[] | select(.key % 9 != 8 and .value.attributes.name != null)
      | {id: "c\(.key + 1001)", name: .value.attributes.name}
        + (if .key % 4 != 3 and $psa[.value.id] then {psa_type: "connectwise_manage", psa_id: $psa[.value.id]} else {} end)'
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  mark=$stack_root/.docbridge/up
  case "${1:-}" in
  up)
    [ ! -e "$mark" ] || { echo "the stack is up already: ./dev down stops it" >&2; exit 1; }
    STACK_PORT=${STACK_PORT:-7443}
    trap 'stack_stop' EXIT
    stack_start "$(mktemp -d /tmp/docbridge-up.XXXXXX)"
    # Tokens live for 15 minutes; the command prints a fresh one each time.
    stack_companies >"$STACK/companies.jsonl"
    mkdir -p "$(dirname "$mark")"
    echo "$STACK" >"$mark"
    trap - EXIT
    cat <<END
docbridge is up at $SERVER (TLS), IT Glue's emulator at $EU, its admin port at $ADMIN.

  alias docbridge='$stack_cli --server $SERVER --ca $STACK/ca.pem --token-file $STACK/token'
  docbridge company push $STACK/companies.jsonl
  docbridge connection create --display-name "IT Glue" --region eu --psa-type connectwise_manage --api-key-file $STACK/api-key
  docbridge org list
  docbridge map quick-match
  docbridge config passwords set --sharing on
  docbridge sync run --watch
  docbridge audit list
  docbridge audit export >$STACK/audit.jsonl
  docbridge audit verify $STACK/audit.jsonl --public-key \$(docbridge -o json audit key | jq -r .publicKey)

A token lives for 15 minutes. A new one:

  $stack_cli token mint --private-key $STACK/issuer.jwk --issuer $ISSUER --audience docbridge --tenant $TENANT \\
    --subject ada --name "Ada Admin" --actor human --permission manage_integrations --permission read_documentation \\
    --permission read_documentation_passwords --permission read_audit > $STACK/token

Logs are in $STACK. ./dev down stops and removes everything.
END
    ;;
  down)
    [ -e "$mark" ] || { echo "the stack is not up" >&2; exit 1; }
    STACK=$(cat "$mark")
    stack_stop
    rm -f "$mark"
    echo "stopped and removed"
    ;;
  *)
    sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
  esac
fi
