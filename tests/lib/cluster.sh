# cluster.sh - a coordinator and agents with in-memory resource managers, for tests in shell: to be sourced.
# (Clusters with real databases: cluster.py.)
#
#   txc_cluster_new                  a cluster's folder: sets TXC_CLUSTER, and TXCOORD for the tools
#   txc_coordinator_start [OPTION]   starts txcoord; the first time it formats the group before
#   txc_agent_start NAME RM...       starts an agent with these resource managers, plugins/mem with a file each
#   txc_cluster_ready RM...          waits until the coordinator leads and these are up
#   txc_stop NAME                    SIGTERM, and waits; NAME: txcoord, or an agent's
#   txc_kill NAME                    kill -9, and waits
#   txc_cluster_remove               kills what is left and removes the folder
#   txc_wait_for COMMAND...          repeats the command until it succeeds; a bounded time
#
# TXC_BUILD is the build's folder, by default the current one.  Everything lives in the cluster's folder, sockets
# included; TXC_KEEP=1 keeps it.

TXC_BUILD=$(cd "${TXC_BUILD:-.}" && pwd)
LD_LIBRARY_PATH=$TXC_BUILD/src/libtxcoord/.libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export LD_LIBRARY_PATH

# The program itself, not libtool's wrapper: its pid is to be the daemon's.
txc_program () {
    local path=$TXC_BUILD/$1
    if [ -x "$(dirname "$path")/.libs/$(basename "$path")" ]; then
        path=$(dirname "$path")/.libs/$(basename "$path")
    fi
    echo "$path"
}

txctl () { "$(txc_program src/txctl/txctl)" "$@"; }
txsql () { "$(txc_program src/txsql/txsql)" "$@"; }

txc_cluster_new () {
    TXC_CLUSTER=$(mktemp -d "${TMPDIR:-/tmp}/txc-cluster.XXXXXX")
    TXCOORD=ipc://$TXC_CLUSTER/txcoord
    export TXCOORD
    cat >"$TXC_CLUSTER/txcoord.cfg" <<END
coordinator
    listen = "$TXCOORD"
log
    folder = "$TXC_CLUSTER/log"
session
    lease = 60s
END
}

# NAME PROGRAM ARGUMENT...
_txc_start () {
    local name=$1 program
    program=$(txc_program "$2")
    shift 2
    "$program" "$@" </dev/null >>"$TXC_CLUSTER/$name.out" 2>&1 &
    echo $! >"$TXC_CLUSTER/$name.pid"
}

txc_coordinator_start () {
    if [ ! -d "$TXC_CLUSTER/log" ]; then # formats the group, and ends
        "$(txc_program src/txcoord/txcoord)" --config "$TXC_CLUSTER/txcoord.cfg" --init >>"$TXC_CLUSTER/txcoord.out" 2>&1
    fi
    _txc_start txcoord src/txcoord/txcoord --config "$TXC_CLUSTER/txcoord.cfg" "$@"
}

txc_agent_start () {
    local name=$1 rm
    shift
    {
        cat <<END
agent
    name = $name
    bind = "ipc://$TXC_CLUSTER/$name"
$(echo "$TXCOORD" | tr , '\n' | sed 's/.*/    coordinator = "&"/')
    plugins = "$TXC_BUILD/plugins/mem/.libs"
    inquiry = 200ms
    heartbeat = 200ms
    scan = 500ms
journal
    folder = "$TXC_CLUSTER/$name.journal"
rm
END
        for rm in "$@"; do
            printf '    %s\n        plugin = mem\n        file = "%s"\n' "$rm" "$TXC_CLUSTER/$rm.store"
        done
    } >"$TXC_CLUSTER/$name.cfg"
    _txc_start "$name" src/txagent/txagent --config "$TXC_CLUSTER/$name.cfg"
}

txc_wait_for () {
    local limit=$((SECONDS + 60)) # by the clock: one try may take seconds
    until "$@" >/dev/null 2>&1; do
        if [ $SECONDS -ge $limit ]; then
            echo "never came true: $*" >&2
            return 1
        fi
        sleep 0.05
    done
}

_txc_is_ready () {
    local rm status
    status=$(txctl --timeout 500 status) || return 1
    echo "$status" | grep -q '^leading  *yes' || return 1
    for rm in "$@"; do
        echo "$status" | grep -q "^ $rm  *|.*| yes" || return 1
    done
}

txc_cluster_ready () { txc_wait_for _txc_is_ready "$@"; }

_txc_end () {
    local pid
    pid=$(cat "$TXC_CLUSTER/$2.pid")
    rm -f "$TXC_CLUSTER/$2.pid"
    kill "-$1" "$pid" 2>/dev/null || return 0
    wait "$pid" 2>/dev/null || true
}

txc_stop () { _txc_end TERM "$1"; }
txc_kill () { _txc_end KILL "$1"; }

txc_cluster_remove () {
    local file
    for file in "$TXC_CLUSTER"/*.pid; do
        if [ -e "$file" ]; then txc_kill "$(basename "$file" .pid)"; fi
    done
    if [ "${TXC_KEEP:-0}" = 1 ]; then echo "kept: $TXC_CLUSTER" >&2; else rm -rf "$TXC_CLUSTER"; fi
}
