#!/usr/bin/env bash
# Lints of the sources, one a name. Each prints what is wrong and where, and fails if anything is.
# --root DIR lints another tree with the same tools.
#
#   a test each in //bazel/lint: banned breaking build contracts cppcheck format layering requirements words
#   slow, by ./dev lint alone:   tidy (reads compile_commands.json)
set -euo pipefail
home=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
root=$home
[ "${1:-}" != --root ] || { root=$2; shift 2; }
cd "$root"
buf=$home/.docbridge/node/node_modules/@bufbuild/buf-linux-x64/bin/buf
buildifier=$home/.docbridge/node/node_modules/@bazel/buildifier/buildifier-linux_amd64

sources() { find server client tests -name '*.[ch]' -not -path '*/node_modules/*' | sort; }
build_files() { find . \( -name BUILD -o -name WORKSPACE -o -name '*.bzl' \) -not -path '*/node_modules/*' | sort; }

# Prints the lines that match; fails if there are any.
refuse() {
  local what=$1 hits
  shift
  hits=$("$@" || true)
  [ -z "$hits" ] || { printf '%s:\n%s\n' "$what" "$hits"; return 1; }
}

lint_format() {
  sources | xargs -r clang-format-14 --dry-run -Werror
}

# Bazel 4.2.3 has its rules built in; the file's own words document a macro, not each argument.
lint_build() {
  build_files | xargs -r "$buildifier" -mode=check -lint=warn \
    -warnings=-native-cc-binary,-native-cc-library,-native-cc-test,-native-sh-binary,-native-sh-test,-function-docstring-args
}

# Calls without a bound, with a hidden state or a shell.
BANNED='str(cpy|cat|ncpy|ncat|tok)|v?sprintf|strtou?l|ato[ifl]l?|gets|system|popen|localtime|gmtime|ctime|asctime|rand|srand|tmpnam|mktemp|alloca|setjmp|longjmp|getpass'
# By name, called or not: outside of texts, comments, includes and the emulator's list of words.
lint_banned() {
  sources | xargs -r awk -v banned="(^|[^a-zA-Z0-9_>.])($BANNED)([^a-zA-Z0-9_]|\$)" '
    /^(#include|WORDS\()/ { next }
    { line = $0; gsub(/"([^"\\]|\\.)*"/, "", line); sub(/\/[\/*].*/, "", line) }
    line ~ banned { print FILENAME ":" FNR ":" $0 }' >"$tmp"
  refuse "banned functions" cat "$tmp"
}

# A foreign library is named in its room alone, and nothing includes what stands above it.
room() {
  local include=$1 allowed=$2
  sources | xargs -r grep -nE "#include [<\"]$include" | grep -vE "^($allowed)" || true
}
below() {
  local folder=$1 forbidden=$2
  find "server/$folder" -name '*.[ch]' 2>/dev/null | xargs -r grep -nE "#include \"server/($forbidden)/" || true
}
lint_layering() {
  {
    room 'grpc/' 'server/rpc/|client/|tests/'
    room '(libpq-fe|postgresql/)' 'server/store/|tests/'
    room 'curl/' 'server/source/|tests/'
    room 'yajl/' 'server/source/|tests/'
    room 'jose/' 'server/auth/|tests/'
    room 'microhttpd' 'server/metrics/|tests/'
    room 'ini\.h' 'server/settings/|client/'
    room 'libsmartcols' 'client/'
    room 'libxml/' 'server/html/|tests/'
    room 'server/metrics/' 'server/metrics/|server/main\.c:|tests/'
    # The client verifies exports, and looks at its certificate, with the server's own code.
    room 'server/(rpc|store|service|sync|source|vault|audit|settings)/' \
      'server/|tests/|client/audit_file\.h:[0-9]+:#include "server/audit/line\.h"|client/channel\.c:[0-9]+:#include "server/rpc/certificate\.h"'
    below base '[a-z]+' | grep -v '"server/base/' || true
    below html 'rpc|service|sync|source|store|vault|auth|audit|settings'
    below auth 'rpc|service|sync|source|store|vault|audit|settings'
    below vault 'rpc|service|sync|source|store|auth|audit|settings'
    below source 'rpc|service|sync|store|vault|auth|audit|settings'
    below store 'rpc|service|sync|source/itglue|settings'
    below audit 'rpc|sync|source|vault|settings'
    below sync 'rpc|settings|source/itglue'
    below service 'rpc|source/itglue'
    below rpc 'sync|source|store|vault|audit|settings'
    find server/sync -name '*.[ch]' | xargs -r grep -nE '#include "server/service/' | grep -vE 'service/(method|request)\.h' || true
    find server/rpc -name '*.[ch]' | xargs -r grep -nE '#include "server/service/' | grep -vE 'service/(method|request)\.h' || true
    grep -rn 'store_begin(' server/service | grep -v '^server/service/begin\.c' || true
    grep -rnE '"(INSERT|SELECT|UPDATE|DELETE|WITH) ' server --include='*.c' | grep -v '^server/store/' || true
  } >"$tmp"
  refuse "not their room" cat "$tmp"
}

# Lint by buf, and what it does not know: names that break generated C, presence that protoc-c
# refuses, recursion by the well-known types, one service a file.
lint_contracts() {
  local status=0
  (cd proto && "$buf" lint) || status=1
  (cd proto && "$buf" format -d --exit-code --path docbridge >/dev/null) ||
    { echo "proto: run buf format"; status=1; }
  grep -nE '^ *optional |google/protobuf/struct|\bmap<|oneof _' proto/docbridge/v1/*.proto >"$tmp" || true
  refuse "not in our contracts" cat "$tmp" || status=1
  grep -nE '^ *(repeated )?[A-Za-z0-9_.]+ (base|restrict|errno|linux|unix|n_[a-z_]+|[a-z_]+_case) = ' proto/docbridge/v1/*.proto >"$tmp" || true
  refuse "names that break generated C" cat "$tmp" || status=1
  for file in proto/docbridge/v1/*.proto; do
    [ "$(grep -c '^service ' "$file")" -le 1 ] || { echo "$file: one service a file"; status=1; }
  done
  return $status
}

# The commits whose contracts callers may hold: what of main is in this branch; on main itself the
# last commit while proto/ is being changed, and what was there before each of the last changes of
# it, so that one that has landed is judged on a clean clone, also when others followed. Nothing for
# the very first commit.
landed() {
  local head main
  head=$(git rev-parse HEAD)
  for main in origin/main main; do
    main=$(git merge-base HEAD "$main" 2>/dev/null) || continue
    [ "$main" = "$head" ] || { echo "$main"; return; }
  done
  [ -z "$(git status --porcelain -- proto)" ] || echo "$head"
  if [ "$(git rev-parse --is-shallow-repository)" = true ] && ! git rev-parse -q --verify HEAD~1 >/dev/null; then
    echo "a shallow clone does not hold what landed before: git fetch --depth 2" >&2
    return 1
  fi
  git log -8 --format=%H -- proto | while read -r main; do git rev-parse -q --verify "$main~1" || true; done
}
lint_breaking() {
  local bases base
  bases=$(landed)
  for base in $bases; do
    rm -rf "$tmp.landed"
    mkdir "$tmp.landed"
    git archive "$base" proto | tar -x -C "$tmp.landed"
    (cd proto && "$buf" breaking --against "$tmp.landed/proto") || return 1
  done
}

# tests/requirements.tsv: ID, Bazel target, test name. Both sides must exist.
lint_requirements() {
  local status=0 id target test package name
  while IFS=$'\t' read -r id target test; do
    case "$id" in '' | \#*) continue ;; esac
    [[ $id =~ ^[A-Z]{3}-[0-9]{2}[a-z]?$ ]] || { echo "$id: no requirement ID"; status=1; }
    package=${target#//}
    package=${package%%:*}
    name=${target##*:}
    # A list of names may leave out the "_test" that all of them get.
    grep -qE "\"$name\"|\"${name%_test}\"" "$package/BUILD" 2>/dev/null || { echo "$id: no target $target"; status=1; continue; }
    grep -rqwF -- "$test" "$package" || { echo "$id: no test $test in $package"; status=1; }
  done <tests/requirements.tsv
  return $status
}

# No promise of work for later, and no machine's path.
lint_words() {
  git ls-files -co --exclude-standard | grep -vE '^(bazel/lint/|bazel/node/package-lock)' |
    xargs -r grep -nIE '\b(TODO|FIXME|XXX|HACK)\b|/home/[a-z]|/work/' >"$tmp" || true
  refuse "not in this project" cat "$tmp"
}

# Suppressions say why in bazel/lint/cppcheck.txt. Headers of the system stay unread: cppcheck knows
# libc, and takes the rest as it comes.
lint_cppcheck() {
  cppcheck --quiet -j 2 --error-exitcode=1 --std=c11 --enable=warning,portability,performance \
    --suppressions-list="$home/bazel/lint/cppcheck.txt" -D_GNU_SOURCE \
    -I . --template='{file}:{line}: {severity}: {message} [{id}]' \
    server client tests/itglue_emulator
}

# .clang-tidy says which checks and bazel/lint/tidy.h what else it has to know; two files at a time.
# err.c itself goes without what tidy.h says of it.
lint_tidy() {
  local hint="--extra-arg=-include$home/bazel/lint/tidy.h"
  [ -e compile_commands.json ] || { echo "compile_commands.json is missing: ./dev compile-commands"; return 1; }
  {
    clang-tidy-14 -p . --quiet server/base/err.c
    find server client -name '*.c' -not -path server/base/err.c | sort |
      xargs -P 2 -n 4 clang-tidy-14 -p . --quiet "$hint"
  } >"$tmp" 2>"$tmp.err" || { cat "$tmp" "$tmp.err"; return 1; }
  refuse "clang-tidy" cat "$tmp"
}

tmp=$(mktemp)
trap 'rm -rf "$tmp" "$tmp".*' EXIT
"lint_$1"
