# postgres.sh - private PostgreSQL clusters for tests: to be sourced, or run as `postgres.sh VERB CLUSTER ...`.
#
# A cluster is a folder made by txc_pg_new; it listens on a unix socket in that
# folder only.  fsync stays on.  Servers do not run as root: root runs them as
# the user postgres.
#
#   txc_pg_new                      makes a cluster (prints its folder)
#   txc_pg_set CLUSTER LINE...      adds lines to postgresql.conf
#   txc_pg_hba CLUSTER LINE         puts a line at the top of pg_hba.conf
#   txc_pg_start CLUSTER            starts it and waits until it answers
#   txc_pg_stop CLUSTER             shuts it down (fast)
#   txc_pg_kill CLUSTER             kill -9 of every process of it
#   txc_pg_restart CLUSTER          stop + start
#   txc_pg_standby CLUSTER          makes an asynchronous standby of it (prints its folder), not started
#   txc_pg_promote CLUSTER          promotes a standby and waits until it is a primary
#   txc_pg_conninfo CLUSTER [DB]    prints a libpq connection string for the superuser
#   txc_pg_sql CLUSTER SQL...       runs SQL as the superuser, prints bare values
#   txc_pg_remove CLUSTER           kills it and removes its folder

TXC_PG_BIN=${TXC_PG_BIN:-$(pg_config --bindir)}
TXC_PG_WAIT=${TXC_PG_WAIT:-600} # tenths of a second until a server must have answered

_txc_pg_as () {
    if [ "$(id -u)" = 0 ]; then
        (cd / && exec runuser -u postgres -- "$@")
    else
        "$@"
    fi
}

_txc_pg_ctl () {
    local cluster=$1
    shift
    _txc_pg_as "$TXC_PG_BIN/pg_ctl" -s -D "$cluster/data" "$@"
}

_txc_pg_folder () {
    local folder
    folder=$(mktemp -d "${TMPDIR:-/tmp}/txc-pg.XXXXXX") || return 1
    if [ "$(id -u)" = 0 ]; then chown postgres "$folder"; fi
    chmod 755 "$folder"
    echo "$folder"
}

txc_pg_new () {
    local cluster
    cluster=$(_txc_pg_folder) || return 1
    _txc_pg_as "$TXC_PG_BIN/initdb" -D "$cluster/data" -A trust -U postgres -E UTF8 --locale=C -N >"$cluster.log" 2>&1 \
        || { cat "$cluster.log" >&2; rm -f "$cluster.log"; return 1; }
    rm -f "$cluster.log"
    txc_pg_set "$cluster" "listen_addresses = ''" "unix_socket_directories = '$cluster'" "max_connections = 200" \
        "max_prepared_transactions = 100" "shared_buffers = 32MB" "logging_collector = off" "autovacuum = off"
    echo "$cluster"
}

txc_pg_set () {
    local cluster=$1
    shift
    printf '%s\n' "$@" | _txc_pg_as tee -a "$cluster/data/postgresql.conf" >/dev/null
}

txc_pg_hba () {
    _txc_pg_as sed -i "1i $2" "$1/data/pg_hba.conf"
}

txc_pg_ready () {
    local tries=0
    until "$TXC_PG_BIN/pg_isready" -q -h "$1" -U postgres; do
        tries=$((tries + 1))
        if [ "$tries" -ge "$TXC_PG_WAIT" ]; then
            echo "PostgreSQL in $1 does not answer" >&2
            return 1
        fi
        sleep 0.1
    done
}

txc_pg_start () {
    # Its parent collects it at once when it is killed: with a dead process of that pid about, the next start would be
    # refused (postmaster.pid).
    # shellcheck disable=SC2016 # the inner shell expands these
    _txc_pg_as setsid bash -c '"$0" -D "$1" >>"$1/server.log" 2>&1 </dev/null & wait' "$TXC_PG_BIN/postgres" "$1/data" \
        >/dev/null 2>&1 </dev/null &
    txc_pg_ready "$1" || { cat "$1/data/server.log" >&2; return 1; }
}

txc_pg_stop () {
    _txc_pg_ctl "$1" -m fast -w stop
}

# True while one of the processes runs; dead children that nobody has collected do no harm.
_txc_pg_any_runs () {
    kill -0 "$1" 2>/dev/null || ps -o stat= -p "$(IFS=,; echo "$*")" | grep -qv '^Z'
}

txc_pg_kill () {
    local pid
    local -a all
    pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null) || return 0
    kill -STOP "$pid" 2>/dev/null # so that it makes no more children
    mapfile -t all < <(echo "$pid"; pgrep -P "$pid")
    kill -9 "${all[@]}" 2>/dev/null
    local tries=0
    while _txc_pg_any_runs "${all[@]}" && [ "$tries" -lt "$TXC_PG_WAIT" ]; do
        tries=$((tries + 1))
        sleep 0.1
    done
    return 0
}

txc_pg_restart () {
    txc_pg_stop "$1" && txc_pg_start "$1"
}

txc_pg_standby () {
    local standby
    standby=$(_txc_pg_folder) || return 1
    _txc_pg_as "$TXC_PG_BIN/pg_basebackup" -h "$1" -U postgres -D "$standby/data" -c fast || return 1
    txc_pg_set "$standby" "unix_socket_directories = '$standby'" "primary_conninfo = 'host=$1 user=postgres'"
    _txc_pg_as touch "$standby/data/standby.signal"
    echo "$standby"
}

txc_pg_promote () {
    _txc_pg_ctl "$1" -w promote
}

txc_pg_conninfo () {
    echo "host=$1 user=postgres dbname=${2:-postgres}"
}

txc_pg_sql () {
    local cluster=$1
    shift
    local arguments=()
    local sql
    for sql in "$@"; do
        arguments+=(-c "$sql")
    done
    "$TXC_PG_BIN/psql" -X -q -A -t -v ON_ERROR_STOP=1 -h "$cluster" -U postgres "${arguments[@]}" postgres
}

txc_pg_remove () {
    case $1 in
    */txc-pg.*) ;;
    *) return 1 ;;
    esac
    txc_pg_kill "$1"
    rm -rf "$1"
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    verb=$1
    shift
    "txc_pg_$verb" "$@"
fi
