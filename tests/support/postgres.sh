#!/bin/sh
# A private Postgres cluster in a directory, reached by a Unix socket in it and by nothing else.
#
#   postgres.sh start DIR [durable]  makes the cluster if there is none, and starts it; durable: with
#                                    fsync, and with the memory of a small server
#   postgres.sh stop DIR             stops it, as a careful operator would; halt DIR leaves its pooler
#   postgres.sh kill DIR             as if the power went: kill -9 of all of its processes
#   postgres.sh stall DIR            stops all of its processes in their tracks; resume DIR undoes it
#   postgres.sh standby DIR PRIMARY  makes and starts a hot standby that follows the cluster in PRIMARY
#   postgres.sh promote DIR          makes a standby the primary
#   postgres.sh pooler DIR           starts PgBouncer in transaction mode in front of it; it listens
#                                    in DIR/pooler and goes with it
#   postgres.sh template DIR FILE    packs a new cluster, made in DIR, which goes, into a tar file, from
#                                    which a test's clusters are made in a tenth of the time; an empty
#                                    one where there is no Postgres
#   postgres.sh guard DIR            reads standard input to its end, then stops it and removes DIR;
#                                    also removes what guards that were killed left beside it
#
# A new cluster has the logins docbridge_owner (migrates) and docbridged (serves; a member of the
# serving roles, which it must take by SET ROLE) and an empty database `docbridge`. Reach it with
# "host=DIR user=docbridge_owner dbname=docbridge". Without `durable` a crash of the machine may
# destroy it. Postgres refuses to run as root: then the files belong to the user postgres or nobody.
set -eu

bin=/usr/lib/postgresql/15/bin
packed=docbridge/tests/support/postgres_template.tar
verb=${1:-}
dir=${2:-}
if [ -z "$dir" ]; then
    sed -n '2,/^set/ { /^#/ s/^# \{0,1\}//p; }' "$0" >&2
    exit 2
fi

# Runs a program as who the files belong to. setpriv needs no PAM, so it works in a bare chroot.
as_owner() {
    if [ "$(id -u)" -ne 0 ]; then
        "$@"
        return
    fi
    user=postgres
    id -u "$user" >/dev/null 2>&1 || user=nobody
    (cd "$dir" && setpriv --reuid="$(id -u "$user")" --regid="$(id -g "$user")" --clear-groups \
        env HOME="$dir" USER="$user" "$@")
}

make_cluster() {
    as_owner "$bin/initdb" -D "$dir/data" -U postgres -A trust --no-sync --no-instructions \
        --locale=C.UTF-8 -E UTF8 >"$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log" >&2; exit 1; }
}

configure_cluster() {
    cat >>"$dir/data/postgresql.conf" <<END
listen_addresses = ''
unix_socket_directories = '$dir'
max_connections = 100
shared_buffers = 32MB
log_line_prefix = '%m [%p] %a '
END
}

fill_cluster() {
    as_owner "$bin/psql" -h "$dir" -U postgres -d postgres -X -q -v ON_ERROR_STOP=1 <<'END'
CREATE ROLE docbridge_server NOLOGIN;
CREATE ROLE docbridge_scheduler NOLOGIN;
CREATE ROLE docbridge_janitor NOLOGIN;
CREATE ROLE docbridge_owner LOGIN CREATEROLE;
CREATE ROLE docbridged LOGIN NOINHERIT IN ROLE docbridge_server, docbridge_scheduler,
    docbridge_janitor;
CREATE DATABASE docbridge OWNER docbridge_owner;
END
}

# The directory is Postgres's own.
own() {
    chmod 700 "$dir"
    if [ "$(id -u)" -eq 0 ]; then
        chown "$(id -u postgres 2>/dev/null || id -u nobody)" "$dir"
    fi
}

start() {
    [ "${1:-}" = durable ] && speed='-c shared_buffers=512MB -c min_wal_size=1GB -c max_wal_size=4GB' ||
        speed='-c fsync=off -c full_page_writes=off -c synchronous_commit=off'
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd)
    new=
    if [ ! -e "$dir/data/PG_VERSION" ]; then
        own
        if [ -n "${TEST_SRCDIR:-}" ] && [ -s "$TEST_SRCDIR/$packed" ]; then
            as_owner tar -C "$dir" -xf - <"$TEST_SRCDIR/$packed"
        else
            new=yes
            make_cluster
        fi
        configure_cluster
    fi
    # After a kill the old processes may hold on for a moment.
    tries=20
    until as_owner "$bin/pg_ctl" -D "$dir/data" -w -t 60 -s -l "$dir/log" -o "$speed" start \
        >>"$dir/start.log" 2>&1; do
        tries=$((tries - 1))
        if [ "$tries" -eq 0 ]; then
            cat "$dir/start.log" "$dir/log" >&2
            exit 1
        fi
        sleep 0.2
    done
    if [ -n "$new" ]; then
        fill_cluster
    fi
}

# template FILE
template() {
    if [ -x "$bin/initdb" ]; then
        start
        stop fast "$dir"
        [ ! -e "$dir/data/postmaster.pid" ] || exit 1
        # As it was before it had a place.
        sed -i '/^listen_addresses/,$d' "$dir/data/postgresql.conf"
        tar -C "$dir" --sparse -cf "$1" data
    else
        : >"$1"
    fi
    rm -rf "$dir"
}

# The ids of the postmaster and its children in DIR, none if it does not run.
processes() {
    pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null) || return 0
    echo "$pid" "$(cat "/proc/$pid/task/$pid/children" 2>/dev/null || :)"
}

# signal_all NAME DIR
signal_all() {
    # shellcheck disable=SC2046
    set -- "$1" $(processes "$2")
    [ $# -lt 2 ] || kill "-$@" 2>/dev/null || :
}

# stop MODE DIR
stop() {
    if [ -e "$2/data/postmaster.pid" ]; then
        signal_all CONT "$2" # what is stalled would not hear of it
        as_owner "$bin/pg_ctl" -D "$2/data" -w -t 60 -s -m "$1" stop >/dev/null 2>&1 || :
    fi
}

# The postmaster and its children, by their ids alone.
kill_hard() {
    pid=$(head -n 1 "$dir/data/postmaster.pid")
    signal_all KILL "$dir"
    # Gone, or a zombie that nobody reaps.
    tries=100
    while [ "$tries" -gt 0 ] && grep -qs '^State:[[:space:]]*[^Z]' "/proc/$pid/status"; do
        tries=$((tries - 1))
        sleep 0.05
    done
    rm -f "$dir/data/postmaster.pid"
}

# standby PRIMARY
standby() {
    own
    as_owner "$bin/pg_basebackup" -h "$1" -U postgres -D "$dir/data" -R -X stream -c fast --no-sync
    echo "unix_socket_directories = '$dir'" >>"$dir/data/postgresql.conf"
    start
}

pooler() {
    as_owner mkdir -p "$dir/pooler"
    cat >"$dir/pooler/pgbouncer.ini" <<END
[databases]
* = host=$dir
[pgbouncer]
listen_addr =
unix_socket_dir = $dir/pooler
listen_port = 5432
pool_mode = transaction
default_pool_size = 8
server_login_retry = 1
query_wait_timeout = 5
auth_type = trust
auth_file = $dir/pooler/users
admin_users = postgres
logfile = $dir/pooler/log
pidfile = $dir/pooler/pid
END
    printf '"%s" ""\n' docbridged docbridge_owner postgres >"$dir/pooler/users"
    as_owner /usr/sbin/pgbouncer -d -q "$dir/pooler/pgbouncer.ini" >"$dir/pooler/start.log" 2>&1 ||
        { cat "$dir/pooler/start.log" >&2; exit 1; }
    tries=100
    until [ -S "$dir/pooler/.s.PGSQL.5432" ]; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || { cat "$dir/pooler/log" >&2; exit 1; }
        sleep 0.05
    done
}

# stop_pooler DIR
stop_pooler() {
    pid=$(cat "$1/pooler/pid" 2>/dev/null) || return 0
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" != pgbouncer ] || kill -TERM "$pid" 2>/dev/null || :
    rm -f "$1/pooler/pid"
}

# Directories whose guard is gone: it held their lock.
sweep() {
    find "${dir%/*}" -maxdepth 2 -path "${dir%-*}-*/lock" -mmin +1 2>/dev/null | while read -r lock; do
        old=${lock%/lock}
        if [ "$old" != "$dir" ] && flock -n "$lock" true; then
            stop_pooler "$old"
            stop immediate "$old"
            rm -rf "$old"
        fi
    done
}

case $verb in
start) start "${3:-}" ;;
stop)
    stop_pooler "$dir"
    stop fast "$dir"
    ;;
halt) stop fast "$dir" ;;
kill) kill_hard ;;
stall) signal_all STOP "$dir" ;;
resume) signal_all CONT "$dir" ;;
standby) standby "${3:-}" ;;
template) template "$3" ;;
promote) as_owner "$bin/pg_ctl" -D "$dir/data" -w -t 60 -s promote >/dev/null ;;
pooler) pooler ;;
guard)
    exec 9>"$dir/lock"
    flock 9
    # Nothing started here may keep the lock.
    sweep 9>&-
    cat >/dev/null 9>&-
    stop_pooler "$dir" 9>&-
    stop immediate "$dir" 9>&-
    rm -rf "$dir"
    ;;
*) exit 2 ;;
esac
