#!/bin/sh
# Runs one of the tests in the root of its runfiles: under Bazel that is where it starts; by hand
#
#   bazel-bin/tests/e2e/path_test tests/e2e/path_test.py [Class.test]
set -eu
[ -n "${TEST_SRCDIR:-}" ] || cd "$0.runfiles/docbridge"
# Debian's Python has grpcio; another one may come first in PATH.
exec /usr/bin/python3 -B "$@"
