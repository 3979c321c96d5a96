#!/bin/sh
# Debian's Python has grpcio; another one may come first in PATH.
exec /usr/bin/python3 "$@"
