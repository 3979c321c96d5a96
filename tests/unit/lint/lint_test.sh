#!/usr/bin/env bash
# Each lint passes on a small clean tree and fails, for the reason expected, once one thing is wrong.
set -euo pipefail
lint=$(readlink -f "$1")
home=${lint%/bazel/lint/lint.sh}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cases=0 broken=0

# A fresh tree in $tree, with what every lint looks at.
clean_tree() {
  tree=$work/tree
  rm -rf "$tree"
  mkdir -p "$tree/server/base" "$tree/server/store" "$tree/client" "$tree/tests/unit/base"
  cp "$home/.clang-format" "$tree"
  cp -r "$home/proto" "$tree/proto"
  cp "$home"/server/base/{BUILD,arena.c,arena.h,err.h,cleanup.h} "$tree/server/base/"
  printf 'int test_of_arenas(void);\n' >"$tree/tests/unit/base/arena_test.c"
  printf 'cc_test(\n    name = "arena_test",\n    srcs = ["arena_test.c"],\n)\n' >"$tree/tests/unit/base/BUILD"
  printf '# A comment.\nAPI-01\t//tests/unit/base:arena_test\ttest_of_arenas\n' >"$tree/tests/requirements.tsv"
  printf '#include "server/store/store.h"\n\nint store_rows(void)\n{\n    return 0;\n}\n' >"$tree/server/store/store.c"
  printf '#pragma once\n\nint store_rows(void);\n' >"$tree/server/store/store.h"
  git -C "$tree" init -q -b main
  commit
}

commit() {
  git -C "$tree" add -A
  git -C "$tree" -c user.name=lint -c user.email=lint@example.org -c commit.gpgsign=false commit -q --no-verify --allow-empty -m tree
}

fail() {
  echo "FAILED: $*"
  sed 's/^/    /' "$work/output"
  broken=$((broken + 1))
}

run() { "$lint" --root "$tree" "$1" >"$work/output" 2>&1; }

passes() {
  cases=$((cases + 1))
  run "$1" || fail "$1 refuses $2"
}

# refuses LINT WHAT WORDS: it must fail and say WORDS.
refuses() {
  cases=$((cases + 1))
  if run "$1"; then
    fail "$1 passes $2"
  elif ! grep -qF -- "$3" "$work/output"; then
    fail "$1 does not say \"$3\" of $2"
  fi
}

# planted LINT WHAT WORDS FILE TEXT: a clean tree with TEXT at the end of FILE.
planted() {
  clean_tree
  printf "$5" >>"$tree/$4"
  refuses "$1" "$2" "$3"
}

clean_tree
for name in banned breaking build contracts cppcheck format layering requirements words; do
  passes "$name" "the clean tree"
done

planted layering "libpq outside the store" "server/base/arena.c" server/base/arena.c '#include <libpq-fe.h>\n'
planted layering "gRPC in the store" "server/store/store.c" server/store/store.c '#include <grpc/grpc.h>\n'
planted layering "base that knows the store" "server/base/arena.h" server/base/arena.h '#include "server/store/store.h"\n'
planted layering "a client that knows the server's store" "client/main.c" client/main.c '#include "server/store/store.h"\n'
planted layering "SQL outside the store" "server/base/arena.c" server/base/arena.c 'const char *sql = "SELECT 1";\n'

planted banned "a call without a bound" "store.c:7:" server/store/store.c 'void f(char *a, const char *b) { strcpy(a, b); }\n'
planted banned "a call behind a star" "store.c:7:" server/store/store.c '*ret = atoi(text);\n'
planted banned "a name in brackets" "store.c:7:" server/store/store.c 'void f(char *a, const char *b) { (strcpy)(a, b); }\n'
planted banned "a name without a call" "store.c:7:" server/store/store.c 'static char *(*copy)(char *, const char *) = strcpy;\n'
planted banned "a shell" "banned functions" tests/unit/base/arena_test.c 'int g(void) { return system("ls"); }\n'
clean_tree
printf '// strcpy(a, b) has no bound.\nint my_system(int a);\nint n = g("strcpy(\\"a)"); // gets\n' >>"$tree/server/store/store.c"
passes banned "comments, a text and a longer name"

planted format "a bad indent" "clang-format" server/store/store.c 'int  f( void );\n'
planted build "a list in disorder" "tests/BUILD" tests/BUILD 'cc_library(name="b",srcs=["b.c","a.c"])\n'
planted build "a load that nobody uses" "unused" tests/BUILD 'load("//bazel:cc.bzl", "docbridge_cc_test")\n'
planted cppcheck "a write past the end" "arrayIndexOutOfBounds" server/store/store.c 'int h(void)\n{\n    int a[2];\n    a[2] = 1;\n    return a[0];\n}\n'

clean_tree
# In two pieces, for this file is looked at as well.
printf '%s: later\n' "TO""DO" >"$tree/README.md"
refuses words "a promise of work" "README.md:1:"
printf 'see %s/somebody/notes\n' "/ho""me" >"$tree/README.md"
refuses words "a path of a machine" "README.md:1:"

planted requirements "a target that is not there" "no target" tests/requirements.tsv 'API-02\t//tests/unit/base:gone_test\ttest_a\n'
planted requirements "a test that is not there" "no test" tests/requirements.tsv 'API-02\t//tests/unit/base:arena_test\ttest_of_nothing\n'
planted requirements "a name that is no requirement" "no requirement ID" tests/requirements.tsv "api2\t//tests/unit/base:arena_test\ttest_of_arenas\n"

contract=proto/docbridge/v1/lint.proto
head='syntax = "proto3";\n\n// Planted.\npackage docbridge.v1;\n\n// A message.\nmessage Planted {\n  // A field.\n'
clean_tree
printf "$head"'  string text = 1;\n  // Another.\n  string more = 2;\n}\n' >"$tree/$contract"
passes contracts "a message"
passes breaking "a message more"
commit
passes breaking "a message more that has landed"

printf "$head"'  string text = 1;\n  reserved 2;\n  reserved "more";\n}\n' >"$tree/$contract"
refuses breaking "a field removed in the work tree" '"2"'
commit
refuses breaking "a field removed by the last commit" '"2"'
commit
refuses breaking "a field removed by the commit before" '"2"'

git -C "$tree" checkout -q -b change
printf "$head"'  int32 text = 1;\n}\n' >"$tree/$contract"
commit
commit
refuses breaking "a type changed two commits ago in a branch" "int32"
git clone -q --branch change "file://$tree" "$work/clone"
tree=$work/clone
refuses breaking "a type changed in a clone's branch" "int32"
git clone -q --depth 1 --branch main "file://$work/tree" "$work/shallow"
tree=$work/shallow
refuses breaking "a clone that knows no earlier commit" "shallow"

planted contracts "presence that protoc-c refuses" "not in our contracts" $contract "$head"'  optional string text = 1;\n}\n'
planted contracts "a field named as a macro of C" "names that break generated C" $contract "$head"'  string unix = 1;\n}\n'
planted contracts "a field without a comment" "lint.proto:9" $contract "${head%  // A field.*}"'\n  string text = 1;\n}\n'
planted contracts "recursion by Struct" "not in our contracts" $contract 'syntax = "proto3";\n\n// Planted.\npackage docbridge.v1;\n\nimport "google/protobuf/struct.proto";\n'
planted contracts "two services in a file" "one service a file" $contract 'syntax = "proto3";\n\n// Planted.\npackage docbridge.v1;\n\n// One.\nservice OneService {}\n\n// Two.\nservice TwoService {}\n'

echo "$((cases - broken)) of $cases hold"
[ $broken -eq 0 ]
