# group.sh - a group of three replicas for tests in shell: to be sourced behind cluster.sh, whose cluster it lives in.
#
#   txc_replica_configure N [LINE]...  writes the configuration of replica N; the lines go to its section group
#   txc_replica_start N [PROGRAM]      starts it, with another program than txcoord's if one is given
#   txc_group_start                    a new group of replicas 1, 2 and 3; waits until one leads and all follow it
#   txc_endpoint N                     where replica N listens
#   txc_leader                         the number of the replica that leads, "" if none does
#   txc_leads N, txc_is_led            for txc_wait_for: this one leads; any does
#   txc_follow N                       for txc_wait_for: so many replicas lead or follow
#
# TXCOORD names all three.  txc_kill replicaN and txc_stop replicaN end one.

txc_endpoint () { echo "ipc://$TXC_CLUSTER/replica$1"; }

txc_replica_configure () {
    local number=$1
    shift
    {
        printf 'coordinator\n    listen = "%s"\n    replica = %s\n' "$(txc_endpoint "$number")" "$number"
        printf 'log\n    folder = "%s"\nsession\n    lease = 60s\ngroup\n' "$TXC_CLUSTER/log$number"
        printf '    election = 2s\n' # not to be held on a busy machine while everybody is there
        printf '    member = "%s"\n' "1 $(txc_endpoint 1)" "2 $(txc_endpoint 2)" "3 $(txc_endpoint 3)"
        [ $# -eq 0 ] || printf '    %s\n' "$@"
    } >"$TXC_CLUSTER/replica$number.cfg"
}

txc_replica_start () {
    _txc_start "replica$1" "${2:-src/txcoord/txcoord}" --config "$TXC_CLUSTER/replica$1.cfg"
}

txc_group_start () {
    local i
    TXCOORD=$(txc_endpoint 1),$(txc_endpoint 2),$(txc_endpoint 3)
    export TXCOORD
    for i in 1 2 3; do
        txc_replica_configure $i
        "$(txc_program src/txcoord/txcoord)" --config "$TXC_CLUSTER/replica$i.cfg" --init >>"$TXC_CLUSTER/replica$i.out" 2>&1
        txc_replica_start $i
    done
    txc_wait_for txc_follow 3
}

txc_leader () { txctl status 2>/dev/null | sed -n 's/^ *\([1-9][0-9]*\) | .* | leading .*/\1/p'; }
txc_leads () { [ "$(txc_leader)" = "$1" ]; }
txc_is_led () { [ -n "$(txc_leader)" ]; }
txc_follow () { txc_is_led && [ "$(txctl status 2>/dev/null | grep -c '^ *[1-9][0-9]* | .* | \(leading\|following\) ')" = "$1" ]; }
