#include <stdlib.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "txcoord/coord.h"

enum { MEMBER_ID_MAX = 255 };

/* --- keys -------------------------------------------------------------------------- */

#define SECOND INT64_C (1000)
#define HOUR   INT64_C (3600000)

/* etc/txcoord.cfg and txcoord.cfg(5) explain them; a test compares. */
const txc_key_t coord_keys[] = {
    {"coordinator/listen", TXC_KEY_ENDPOINT, TXC_KEY_REQUIRED | TXC_KEY_REPEATABLE, NULL, 0, 0,
     "where agents, applications and txctl reach it, as in tcp://127.0.0.1:7400"},
    {"coordinator/advertise", TXC_KEY_ENDPOINT, 0, NULL, 0, 0, NULL},
    {"coordinator/insecure", TXC_KEY_BOOL, 0, "0", 0, 0, NULL},
    {"coordinator/replica", TXC_KEY_INT, 0, "1", 1, 255, NULL},
    {"coordinator/drain_timeout", TXC_KEY_DURATION, TXC_KEY_RELOADABLE, "10s", 0, HOUR, NULL},
    {"coordinator/max_peers", TXC_KEY_INT, 0, "4096", 16, 65536, NULL},
    {"group/member", TXC_KEY_STRING, TXC_KEY_REPEATABLE, NULL, 0, 0, NULL},
    {"group/join", TXC_KEY_BOOL, 0, "0", 0, 0, NULL},
    {"group/init", TXC_KEY_BOOL, 0, "0", 0, 0, NULL},
    {"group/heartbeat", TXC_KEY_DURATION, 0, "50ms", 5, 10 * SECOND, NULL},
    {"group/election", TXC_KEY_DURATION, 0, "300ms", 20, 60 * SECOND, NULL},
    {"group/clock_skew", TXC_KEY_INT, 0, "50", 1, 250, NULL},
    {"group/keep", TXC_KEY_SIZE, 0, "64M", 1 << 10, INT64_C (1) << 36, NULL},
    {"group/learn", TXC_KEY_CHOICE, 0, "leader", 0, 0, "leader|direct"},
    {"log/folder", TXC_KEY_STRING, TXC_KEY_REQUIRED, NULL, 0, 0,
     "the folder of the log, on a disk of its own if you can"},
    {"log/segment_size", TXC_KEY_SIZE, 0, "16M", 1 << 20, 1 << 30, NULL},
    {"log/max_segments", TXC_KEY_INT, 0, "64", 3, TXC_LOG_SEGMENTS_MAX, NULL},
    {"log/checkpoint_size", TXC_KEY_SIZE, TXC_KEY_RELOADABLE, "64M", 64 << 10, INT64_C (1) << 40, NULL},
    {"session/lease", TXC_KEY_DURATION, 0, "10s", SECOND, HOUR, NULL},
    {"session/horizon", TXC_KEY_DURATION, 0, "10m", SECOND, 720 * HOUR, NULL},
    {"session/max", TXC_KEY_INT, 0, "10000", 1, 1000000, NULL},
    {"transaction/timeout", TXC_KEY_DURATION, 0, "60s", 100, 24 * HOUR, NULL},
    {"transaction/max", TXC_KEY_INT, 0, "20000", 1, 1000000, NULL},
    {"transaction/max_outcomes", TXC_KEY_INT, 0, "1000000", 1000, 100000000, NULL},
    {"agent/retry", TXC_KEY_DURATION, 0, "100ms", 10, 60 * SECOND, NULL},
    {"agent/retry_max", TXC_KEY_DURATION, 0, "5s", 10, HOUR, NULL},
    {"agent/guard", TXC_KEY_DURATION, 0, "10s", 100, HOUR, NULL},
    {"report/level", TXC_KEY_CHOICE, TXC_KEY_RELOADABLE, "info", 0, 0, "error|warning|notice|info|debug"},
    {NULL, TXC_KEY_STRING, 0, NULL, 0, 0, NULL},
};

/* --- the group ---------------------------------------------------------------------- */

static bool s_is_wild (const char *endpoint)
{
    return strchr (endpoint, '*') || strstr (endpoint, "//0.0.0.0:") || strstr (endpoint, "//[::]:");
}

/* "2 tcp://10.0.0.2:7400" */
static int s_member (const char *text, txc_member_t *member, txc_error_t *error)
{
    char *end;
    unsigned long id = strtoul (text, &end, 10);
    if (text[0] < '1' || text[0] > '9' || id > MEMBER_ID_MAX || *end != ' ')
        return txc_error_set (error, TXC_ECONFIG,
                              "group/member: '%.60s': a number from 1 to %d, a blank, an endpoint: "
                              "2 tcp://10.0.0.2:7400",
                              text, MEMBER_ID_MAX);
    end += strspn (end, " ");
    txc_error_t form;
    if (txc_net_check_endpoint (end, false, &form))
        return txc_error_set (error, TXC_ECONFIG, "group/member: %.200s", form.text);
    member->id = (uint32_t) id;
    member->disk = 0;
    txc_copy_text (member->endpoint, sizeof member->endpoint, end);
    return TXC_OK;
}

/* TXC_OK, or TXC_ECONFIG with error set: one of them is malformed, or there are two of a kind. */
static int s_members (const txc_config_t *config, txc_member_t *members, uint32_t *n, txc_error_t *error)
{
    const char *text;
    for (*n = 0; (text = txc_config_nth (config, "group/member", *n)); ++*n) {
        if (*n == TXC_REPLICAS_MAX)
            return txc_error_set (error, TXC_ECONFIG, "group/member: at most %d of them", TXC_REPLICAS_MAX);
        int rc = s_member (text, &members[*n], error);
        if (rc)
            return rc;
        for (uint32_t i = 0; i < *n; i++)
            if (members[i].id == members[*n].id || strcmp (members[i].endpoint, members[*n].endpoint) == 0)
                return txc_error_set (error, TXC_ECONFIG, "group/member: '%.160s': listed twice", text);
    }
    return TXC_OK;
}

static const txc_member_t *s_find (const txc_member_t *members, uint32_t n, uint32_t id)
{
    for (uint32_t i = 0; i < n; i++)
        if (members[i].id == id)
            return &members[i];
    return NULL;
}

/* Where everybody reaches this replica: as it is told, as the group's list has it, or where it listens.  ""
 * if none of these says. */
static const char *s_advertised (const txc_config_t *config, const txc_member_t *listed)
{
    const char *advertise = txc_config_string (config, "coordinator/advertise");
    const char *first = txc_config_nth (config, "coordinator/listen", 0);
    if (advertise)
        return advertise;
    if (listed)
        return listed->endpoint;
    return s_is_wild (first) ? "" : first;
}

/* A replica that is to be added to a group. */
static int s_check_join (const txc_config_t *config, const txc_member_t *me, uint32_t n, txc_error_t *error)
{
    if (n == 0 || me)
        return txc_error_set (error, TXC_ECONFIG,
                              "group/join = 1: group/member lists the replicas that are there already, and "
                              "not this one (coordinator/replica = %u)",
                              (uint32_t) txc_config_int (config, "coordinator/replica"));
    if (txc_config_bool (config, "group/init"))
        return txc_error_set (error, TXC_ECONFIG, "group/join and group/init exclude each other");
    if (!s_advertised (config, me)[0])
        return txc_error_set (error, TXC_ECONFIG,
                              "coordinator/advertise: the others have to be told where this replica is");
    return TXC_OK;
}

/* A replica of a new group. */
static int s_check_list (const txc_config_t *config, const txc_member_t *me, uint32_t n, txc_error_t *error)
{
    if (n > 1 && !txc_config_line (config, "coordinator/replica"))
        return txc_error_set (error, TXC_ECONFIG,
                              "coordinator/replica is missing: which one of group/member is this?");
    if (n > 0 && !me)
        return txc_error_set (error, TXC_ECONFIG,
                              "group/member: this replica (coordinator/replica = %u) is not among them",
                              (uint32_t) txc_config_int (config, "coordinator/replica"));
    if (n > 0 && n % 2 == 0)
        return txc_error_set (
            error, TXC_ECONFIG,
            "group/member: %u replicas survive no more failures than %u: list an odd number", n, n - 1);
    if (n > 1 && txc_config_bool (config, "group/init"))
        return txc_error_set (error, TXC_ECONFIG,
                              "group/init = 1: only for a group of one; run txcoord --init at each replica");
    return TXC_OK;
}

static int s_check_group (const txc_config_t *config, txc_error_t *error)
{
    txc_member_t members[TXC_REPLICAS_MAX];
    uint32_t n;
    int rc = s_members (config, members, &n, error);
    if (rc)
        return rc;
    const txc_member_t *me = s_find (members, n, (uint32_t) txc_config_int (config, "coordinator/replica"));
    const char *advertise = txc_config_string (config, "coordinator/advertise");
    if (advertise && txc_net_check_endpoint (advertise, false, NULL))
        return txc_error_set (error, TXC_ECONFIG,
                              "coordinator/advertise: '%.120s': where others reach this replica: no wildcard",
                              advertise);
    if (txc_config_int (config, "group/election") < 3 * txc_config_int (config, "group/heartbeat"))
        return txc_error_set (error, TXC_ECONFIG, "group/election is shorter than three of group/heartbeat");
    return txc_config_bool (config, "group/join") ? s_check_join (config, me, n, error)
                                                  : s_check_list (config, me, n, error);
}

/* --- all of it ------------------------------------------------------------------------- */

int coord_config_check (const txc_config_t *config, txc_error_t *error)
{
    const char *endpoint;
    for (size_t i = 0; (endpoint = txc_config_nth (config, "coordinator/listen", i)); i++) {
        int rc = txc_net_check_endpoint (endpoint, true, error);
        if (rc)
            return rc;
    }
    if (txc_config_int (config, "agent/retry") > txc_config_int (config, "agent/retry_max"))
        return txc_error_set (error, TXC_ECONFIG, "agent/retry is longer than agent/retry_max");
    /* Two checkpoints and what comes between them have to find room, or the log runs full. */
    int64_t room =
        txc_config_int (config, "log/segment_size") * (txc_config_int (config, "log/max_segments") - 2);
    if (txc_config_int (config, "log/checkpoint_size") > room)
        return txc_error_set (error, TXC_ECONFIG,
                              "log/checkpoint_size is larger than log/segment_size * (log/max_segments - 2)");
    return s_check_group (config, error);
}

static uint32_t s_u32 (const txc_config_t *config, const char *path)
{
    return (uint32_t) txc_config_int (config, path);
}

void coord_config_replica (const txc_config_t *config, txc_replica_config_t *replica)
{
    replica->id = s_u32 (config, "coordinator/replica");
    int rc = s_members (config, replica->members, &replica->n_members, NULL);
    TXC_ASSERT (rc == TXC_OK);
    txc_copy_text (replica->endpoint, sizeof replica->endpoint,
                   s_advertised (config, s_find (replica->members, replica->n_members, replica->id)));
    replica->heartbeat_ms = s_u32 (config, "group/heartbeat");
    replica->election_ms = s_u32 (config, "group/election");
    replica->clock_skew = s_u32 (config, "group/clock_skew");
    replica->keep_bytes = (uint64_t) txc_config_int (config, "group/keep");
    replica->learn_direct = strcmp (txc_config_string (config, "group/learn"), "direct") == 0;
    replica->lease_ms = s_u32 (config, "session/lease");
    replica->horizon_ms = s_u32 (config, "session/horizon");
    replica->max_sessions = s_u32 (config, "session/max");
    replica->timeout_ms = s_u32 (config, "transaction/timeout");
    replica->max_transactions = s_u32 (config, "transaction/max");
    replica->max_outcomes = s_u32 (config, "transaction/max_outcomes");
    replica->retry_ms = s_u32 (config, "agent/retry");
    replica->retry_max_ms = s_u32 (config, "agent/retry_max");
    replica->guard_ms = s_u32 (config, "agent/guard");
}

/* Who grants a lease for less than its leader counts on, or applies the horizon otherwise than others, breaks
 * what the group promises. */
uint64_t coord_config_settings (const txc_replica_config_t *replica)
{
    const uint32_t alike[] = {replica->election_ms, replica->clock_skew, replica->horizon_ms};
    return txc_digest64 (0, alike, sizeof alike) | 1;
}

/* --- crash points ------------------------------------------------------------------- */

#define RECORD_NAME(name, value) #name,

/* Values of the log, and what else an acceptor keeps. */
static const char *const s_entries[] = {TXC_RECORD_MAP (RECORD_NAME) "PROMISED", "LEARNED", "CHOSEN", NULL};

static const char *const s_messages[] = {"SESSION_OPENED",  "SESSION_ALIVE",
                                         "DIRECTORY_REPLY", "OUTCOME",
                                         "AGENT_WELCOME",   "PREPARE",
                                         "PHASE2_COMMIT",   "PHASE2_ROLLBACK",
                                         "INQUIRY_PENDING", "ENDED",
                                         "ADMIN_REPLY",     "NOT_LEADER",
                                         "PAXOS_PREVOTE",   "PAXOS_PREVOTED",
                                         "PAXOS_PREPARE",   "PAXOS_PROMISE",
                                         "PAXOS_ACCEPT",    "PAXOS_ACCEPTED",
                                         "PAXOS_REJECT",    "PAXOS_HEARTBEAT",
                                         "PAXOS_GRANT",     "PAXOS_FETCH",
                                         "PAXOS_CHOSEN",    "PAXOS_SNAPSHOT_FETCH",
                                         "PAXOS_SNAPSHOT",  "PAXOS_TRANSFER",
                                         "PAXOS_JOIN",      "PAXOS_VOTED",
                                         "TERMINATE",       "MEMBER_STATE",
                                         "PRE_DECIDE",      "PRE_DECIDED",
                                         "DECIDED",         NULL};

static const char *const s_snapshot[] = {"SNAPSHOT", NULL};

const txc_crash_set_t coord_crash_points[] = {
    {"append.before", s_entries},
    {"append.after", s_entries},
    {"send.before", s_messages},
    {"send.after", s_messages},
    {"checkpoint.before", s_snapshot},
    {"checkpoint.after", s_snapshot},
    {NULL, NULL},
};
