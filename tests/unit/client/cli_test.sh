#!/bin/sh
# Runs cli_test.py with the machine's Python, which has gRPC.
exec /usr/bin/python3 "$(dirname "$0")/cli_test.py" "$@"
