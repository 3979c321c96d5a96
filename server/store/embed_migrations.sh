#!/bin/sh
# Writes the C table of the migrations given as NNNN_name.sql: numbered from 1, without gaps.
set -eu

# No program but od and sed: every build machine has them.
echo '#include "server/store/migration.h"'
expected=1
table=
for file in "$@"; do
    base=$(basename "$file" .sql)
    number=${base%%_*}
    name=${base#*_}
    case $number in [0-9][0-9][0-9][0-9]) ;; *) echo "$file: not NNNN_name.sql" >&2; exit 1 ;; esac
    case $name in *[!a-z0-9_]* | '') echo "$file: not NNNN_name.sql" >&2; exit 1 ;; esac
    version=$(echo "$number" | sed 's/^0*//')
    if [ "$version" != "$expected" ]; then
        echo "$file: the next migration is $expected" >&2
        exit 1
    fi
    expected=$((expected + 1))
    echo "static const unsigned char sql_${number}[] = {"
    od -An -v -tx1 "$file" | sed 's/ \(..\)/0x\1,/g'
    echo '0};'
    table="$table    {$version, \"$name\", sql_$number, sizeof(sql_$number) - 1},
"
done
printf 'static const struct migration items[] = {\n%s};\n' "$table"
echo 'const struct migrations migrations_embedded = {items, sizeof(items) / sizeof(items[0])};'
