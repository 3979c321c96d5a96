#!/usr/bin/env bash
# Runs the suite with --config=cov and says which lines of server/ and client/ ran: those of one
# file, the functions that nothing called, and the sum. Fails below 85 % of lines, or with the suite.
#
# --report tells the same of the last run again. Generated code and tests do not count.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
least=85
data=$PWD/.docbridge/coverage
status=0

# Bazel's paths begin with /proc/self/cwd, so counters would go to wherever a program runs. With
# GCOV_PREFIX all programs add up theirs in one folder, also those that a test's script starts.
collect() {
  rm -rf "$data"
  mkdir -p "$data"
  # shellcheck disable=SC2086
  bazel test ${DEV_BAZEL_FLAGS:-} --config=cov --nocache_test_results --keep_going \
    --test_env=GCOV_PREFIX="$data" "$@" //... || status=$?
  # shellcheck disable=SC2086
  bazel_out=$(bazel info ${DEV_BAZEL_FLAGS:-} --config=cov output_path 2>/dev/null)
  mv "$data/proc/self/cwd/bazel-out/k8-fastbuild-cov/bin/"{server,client} "$data/"
  rm -rf "$data/proc"
  # Beside the counters, what the compiler noted of the lines: also of files whose code never ran.
  (cd "$bazel_out/k8-fastbuild-cov/bin" && find server client -name '*.gcno' -print0 | xargs -0 cp --parents -t "$data")
}

if [ "${1:-}" = --report ]; then
  [ -d "$data/server" ] || { echo "nothing to report: run ./dev coverage" >&2; exit 1; }
else
  collect "$@"
fi

gcovr --root . --filter 'server/' --filter 'client/' --json "$data/lines.json" "$data/server" "$data/client"
echo
echo "Never called:"
jq -r '.files[] | {file, none: [.functions[] | select(.execution_count == 0) | .name]}
  | select(.none | length > 0) | "  \(.file): \(.none | join(" "))"' "$data/lines.json"
jq -r '[.files[].functions[]] | "\(map(select(.execution_count > 0)) | length) of \(length) functions ran"' "$data/lines.json"
echo
gcovr --root . --add-tracefile "$data/lines.json" --fail-under-line $least || status=$?
exit $status
