# mariadb.sh - private MariaDB servers for tests; source it.
#
# A server is a folder made by mariadb_new.  It listens on DIR/sock alone, its
# data are in DIR/data, its messages in DIR/log, its process id in DIR/pid, the
# options of its last start in DIR/options.  No service, no port, no file of
# the system's own configuration is used.  As root the server runs as the user
# mysql, otherwise as the caller.  Every function returns non-zero on failure
# and says why on stderr.

MARIADB_WAIT=${MARIADB_WAIT:-60} # seconds that a start or a stop may take

# The user that servers run as.
mariadb_user ()
{
    if [ "$(id -u)" = 0 ]; then echo mysql; else id -un; fi
}

# mariadb_new DIR: makes the folder and an empty server in it, root without a password.
mariadb_new ()
{
    mkdir -p "$1/data" || return 1
    if [ "$(id -u)" = 0 ]; then chown mysql "$1" "$1/data" || return 1; fi
    chmod 755 "$1"
    # A server that starts removes what looks like a temporary table of its own: never in a folder of others.
    TMPDIR="$1" mariadb-install-db --no-defaults --user="$(mariadb_user)" --datadir="$1/data" --skip-test-db \
        --auth-root-authentication-method=normal >"$1/install.log" 2>&1 || {
        echo "mariadb_new: mariadb-install-db failed:" >&2
        tail -n 20 "$1/install.log" >&2
        return 1
    }
}

# mariadb_start DIR [OPTION...]: starts it and waits until it answers.  Without options those of the last start count.
mariadb_start ()
{
    mariadb_dir=$1
    shift
    if [ $# -gt 0 ] || [ ! -f "$mariadb_dir/options" ]; then
        printf '%s\n' "$@" >"$mariadb_dir/options"
    fi
    set --
    while IFS= read -r mariadb_option; do
        if [ -n "$mariadb_option" ]; then set -- "$@" "$mariadb_option"; fi
    done <"$mariadb_dir/options"
    # Small, so that a start is quick; fsync stays on: what is tested are promises about durability.
    TMPDIR="$mariadb_dir" "$(command -v mariadbd || echo /usr/sbin/mariadbd)" --no-defaults --user="$(mariadb_user)" \
        --datadir="$mariadb_dir/data" --socket="$mariadb_dir/sock" --skip-networking \
        --pid-file="$mariadb_dir/data/server.pid" --innodb-buffer-pool-size=64M --innodb-log-file-size=32M \
        "$@" >>"$mariadb_dir/log" 2>&1 </dev/null &
    echo $! >"$mariadb_dir/pid"
    mariadb_wait "$mariadb_dir"
}

# mariadb_wait DIR: waits until the server answers; fails when its process ends first.
mariadb_wait ()
{
    mariadb_tries=$((MARIADB_WAIT * 20))
    while [ $mariadb_tries -gt 0 ]; do
        if mariadb-admin --no-defaults -u root -S "$1/sock" ping >"$1/ping" 2>&1; then return 0; fi
        # "Access denied" is an answer, too: a test may have given root a password.
        if grep -q 'Access denied' "$1/ping"; then return 0; fi
        mariadb_alive "$1" || break
        sleep 0.05
        mariadb_tries=$((mariadb_tries - 1))
    done
    echo "mariadb_wait: the server in $1 does not answer:" >&2
    tail -n 20 "$1/log" >&2
    return 1
}

# mariadb_pid DIR
mariadb_pid ()
{
    cat "$1/pid"
}

# mariadb_alive DIR: true while its process runs; one that was not reaped yet counts as gone.
mariadb_alive ()
{
    [ -f "$1/pid" ] || return 1
    mariadb_state=$(sed 's/.*) \(.\).*/\1/' "/proc/$(cat "$1/pid")/stat" 2>/dev/null) || return 1
    [ -n "$mariadb_state" ] && [ "$mariadb_state" != Z ]
}

# Waits until the process is gone.
mariadb_gone ()
{
    mariadb_tries=$((MARIADB_WAIT * 50))
    while mariadb_alive "$1"; do
        if [ $mariadb_tries -eq 0 ]; then
            echo "mariadb_gone: process $(cat "$1/pid") of $1 does not end" >&2
            return 1
        fi
        sleep 0.02
        mariadb_tries=$((mariadb_tries - 1))
    done
    rm -f "$1/pid"
}

# mariadb_kill DIR: kill -9, the crash.
mariadb_kill ()
{
    mariadb_alive "$1" || return 0
    kill -9 "$(cat "$1/pid")" && mariadb_gone "$1"
}

# mariadb_stop DIR: an orderly shutdown.
mariadb_stop ()
{
    mariadb_alive "$1" || return 0
    kill -15 "$(cat "$1/pid")" && mariadb_gone "$1"
}

# mariadb_restart DIR: crash and recovery.
mariadb_restart ()
{
    mariadb_kill "$1" && mariadb_start "$1"
}

# mariadb_sql DIR [ARG...]: the client as root; SQL from -e or from stdin.
mariadb_sql ()
{
    mariadb_dir=$1
    shift
    mariadb --no-defaults -u root -S "$mariadb_dir/sock" --batch --skip-column-names "$@"
}
