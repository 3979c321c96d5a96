#!/bin/sh
exec python3 tests/unit/html/parser_test.py
