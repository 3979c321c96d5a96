#!/usr/bin/env bash
# Writes compile_commands.json at the root of the repository, for clangd and other editors' tools.
#
# Asks Bazel how it would compile each file and makes the generated headers, but compiles nothing.
# Paths are those of the sources themselves, so that "go to definition" opens the file to edit.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

# shellcheck disable=SC2086
run() { bazel "$1" ${DEV_BAZEL_FLAGS:-} --ui_event_filters=-info --noshow_progress "${@:2}"; }

# By folder: //... would also look into bazel-* links that another output root left.
folders="//client/... //proto/... //server/... //tests/..."

# shellcheck disable=SC2086
run build --keep_going --output_groups=compilation_prerequisites_INTERNAL_ $folders ||
  echo "some headers could not be made: their users will show errors" >&2

output_base=$(run info output_base)
execution_root=$(run info execution_root)
part=compile_commands.json.$$
trap 'rm -f "$part"' EXIT

run aquery --keep_going --output=textproto "mnemonic(CppCompile, ${folders// / + })" |
  awk -v root="$PWD" -v external="$output_base/external/" -v out="$execution_root/bazel-out/" '
    # A string of textproto as one of JSON: only the apostrophe is escaped in the one alone.
    function json(text) { gsub(/\\\047/, "\047", text); return "\"" text "\"" }
    function place(path) {
      if (path ~ /^external\//) return external substr(path, 10)
      if (path ~ /^bazel-out\//) return out substr(path, 11)
      return path
    }
    function add(argument) { arguments = arguments (arguments == "" ? "" : ", ") json(argument) }
    function emit() {
      if (file == "" || file in seen) return
      seen[file] = 1
      printf "%s{\"directory\": %s, \"file\": %s, \"arguments\": [%s]}",
        (count++ ? ",\n" : ""), json(root), json(file), arguments
    }
    BEGIN { print "[" }
    /^actions \{/ { emit(); arguments = file = after = ""; next }
    /^ *arguments: "/ {
      argument = $0
      sub(/^ *arguments: "/, "", argument)
      sub(/"$/, "", argument)
      last = after
      after = argument
      # What writes files or is known to gcc alone.
      if (last == "-MF" || last == "-o") next
      if (argument ~ /^(-MD|-MF|-o|-Werror|-frandom-seed=.*|-fno-canonical-system-headers|-Wno-free-nonheap-object)$/) next
      argument = place(argument)
      if (last == "-c") {
        file = argument ~ /^\// ? argument : root "/" argument
        argument = file
      }
      add(argument)
    }
    END { emit(); print "\n]" }
  ' >"$part"

mv "$part" compile_commands.json
echo "compile_commands.json: $(grep -c '"file"' compile_commands.json) files" >&2
