#!/usr/bin/env bash
# The main job from an empty machine to a revealed password, told with real output.
#
# Private Postgres, IT Glue's emulator with a lifelike account, docbridged over TLS, then the CLI
# through connect, map, configure, sync and reveal. Leaves nothing running and nothing on disk.
set -euo pipefail
# shellcheck source=tests/e2e/stack.sh
. "$(dirname "$(readlink -f "$0")")/stack.sh"

bold='' dim='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
  bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'
fi
chapter() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
tell() { printf '%s%s%s\n' "$dim" "$*" "$plain"; }
# A command as a reader would type it.
typed() {
  local word line='$ docbridge'
  for word in "$@"; do
    word=${word//$STACK\//}
    [[ $word == *' '* ]] && word="\"$word\""
    line+=" $word"
  done
  printf '%s' "$line"
}
show() {
  printf '%s\n' "$(typed "$@")"
  cli "$@"
}
# Only the first lines of what it prints.
show_some() {
  local lines=$1
  shift
  printf '%s | head -n %s\n' "$(typed "$@")" "$lines"
  cli "$@" 2>&1 | sed -n "1,${lines}p"
}

trap stack_stop EXIT
started=$(date +%s)

chapter "A private Postgres, an IT Glue with 40 customers, and docbridged over TLS"
stack_start "$(mktemp -d /tmp/docbridge-demo.XXXXXX)"
tell "Postgres on a Unix socket, schema: $(cat "$STACK/migrate.log")"
tell "IT Glue emulator: $(curl -sf "$ADMIN/account/summary" | jq -r '.collections | "\(.organizations) organizations, \(.documents) documents, \(.flexible_assets) flexible assets of \(.flexible_asset_types) types, \(.checklists) checklists, \(.passwords) passwords"')"
tell "docbridged at $SERVER: $(cli health 2>&1 | tail -n 1)"

chapter "The portal pushes its companies"
stack_companies >"$STACK/companies.jsonl"
show company push "$STACK/companies.jsonl"
show_some 6 company list

chapter "Step 1: connect"
tell "A wrong region first: the test is an answer, never an error."
show connection test --region us --api-key-file "$STACK/api-key" || true
tell "The right one."
show connection create --display-name "IT Glue" --region eu --psa-type connectwise_manage --api-key-file "$STACK/api-key"
stack_wait 30 "the first fetch of organizations" sh -c "'$stack_cli' --server '$SERVER' --ca '$STACK/ca.pem' --token-file '$STACK/token' -o jsonl sync list | head -n 1 | grep -q SUCCEEDED"

tell "What comes next is always told."
show setup status

chapter "Step 2: map organizations to companies"
show_some 8 org list
outcomes=$(cli -o json map quick-match --dry-run 2>/dev/null | jq -r '[.results[].outcome] | group_by(.) | map("\(length) \(.[0] | sub("OUTCOME_"; ""))") | join(", ")')
show_some 12 map quick-match
tell "Every organization has one outcome with its reason: $outcomes."
org=$(cli -o jsonl org list | jq -r 'select(.mappingState == "MAPPING_STATE_UNMAPPED") | .name' | head -n 1)
company=$(cli -o jsonl company list | jq -r 'select((.organizations // []) | length == 0) | .name' | head -n 1)
if [ -n "$org" ] && [ -n "$company" ]; then
  tell "What Quick Match would not guess, a person decides."
  show map set "$org" "$company"
fi

chapter "Step 3: choose documentation"
show config documentation set --documents on --checklists on
show config types refresh
for type in $(cli -o jsonl config types list | jq -r '.name' | head -n 4); do
  cli config types enable "$type" >/dev/null
done
show config types list

chapter "Step 4: decide who may see which passwords"
show config passwords set --sharing on
company=$(cli -o jsonl org list | jq -rs --argjson account "$(curl -sf "$ADMIN/account/summary")" '
  map(select(.mapping != null)) | max_by($account.organizations[.upstreamId].documents) | .mapping.company')
show config access set "$company" --level all

chapter "Sync: five tasks, streamed"
if [ -t 1 ]; then
  show sync run --watch
else
  tell "A line an event, here one in eight; on a terminal the same command draws bars."
  printf '%s\n' "$(typed sync run --watch)"
  cli sync run --watch | awk 'NR % 8 == 1 || /SUCCEEDED|PARTIAL|FAILED|finished/'
fi

chapter "Read"
show_some 6 docs list "$company"
show_some 6 assets list "$company"
show_some 6 checklists list "$company"
show_some 8 passwords list "$company"

chapter "Reveal one password, live"
password=$(cli -o jsonl passwords list "$company" | jq -r 'select(.revealable) | .name' | head -n 1)
printf '%s 3>value\n' "$(typed passwords reveal "$password" --reason "printer is down" --ticket T-1042 --fd 3)"
cli passwords reveal "$password" --reason "printer is down" --ticket T-1042 --fd 3 3>"$STACK/value"
tell "The value has $(wc -c <"$STACK/value") bytes; it was never stored, and IT Glue served it $(curl -sf "$ADMIN/requests/count?password_returned=true" | jq .count) time."
rm -f "$STACK/value"
tell "A company whose level is NO_ACCESS gives nothing away:"
other=$(cli -o jsonl org list | jq -r 'select(.mapping != null) | .mapping.company' | grep -vx "$company" | head -n 1)
show passwords reveal "$other/passwords/1" --fd 3 3>/dev/null || tell "(exit code $?)"

chapter "Who did what"
show_some 12 audit list
tell "The trail as lines, which anybody verifies who has the key that its heads are signed with:"
cli audit export >"$STACK/audit.jsonl"
show audit verify "$STACK/audit.jsonl" --public-key "$(cli -o json audit key | jq -r .publicKey)"

chapter "All is well"
show doctor

chapter "Summary"
requests=$(curl -sf "$ADMIN/requests/count" | jq .count)
tell "$(cli -o jsonl org list | jq -s '[.[] | select(.mapping != null)] | length') of $(cli -o jsonl org list | wc -l) organizations mapped; $requests requests to IT Glue, $(curl -sf "$ADMIN/requests/count?show_password=true" | jq .count) of them for a value; $(cli -o jsonl audit list | wc -l) audit events."
stack_stop
trap - EXIT
tell "Everything is stopped and removed. It took $(($(date +%s) - started)) s."
