#!/bin/sh
# Runs a program under valgrind, and a script as it is: what scripts test are servers that have to
# keep up with clocks, and Python and Postgres are not ours to judge.
set -eu
if [ "$(head -c 4 "$1" | tr -d '\177')" != ELF ]; then
  exec "$@"
fi
exec valgrind --quiet --error-exitcode=99 --leak-check=full --show-leak-kinds=definite \
  --errors-for-leak-kinds=definite --child-silent-after-fork=yes "$@"
