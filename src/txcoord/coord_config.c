#include "txcoord/coord.h"

/* --- keys -------------------------------------------------------------------------- */

#define SECOND INT64_C (1000)
#define HOUR   INT64_C (3600000)

/* etc/txcoord.cfg and txcoord.cfg(5) explain them; a test compares. */
const txc_key_t coord_keys[] = {
    {"coordinator/listen", TXC_KEY_ENDPOINT, TXC_KEY_REQUIRED | TXC_KEY_REPEATABLE, NULL, 0, 0,
     "where agents, applications and txctl reach it, as in tcp://127.0.0.1:7400"},
    {"coordinator/insecure", TXC_KEY_BOOL, 0, "0", 0, 0, NULL},
    {"coordinator/replica", TXC_KEY_INT, 0, "1", 1, 255, NULL},
    {"coordinator/drain_timeout", TXC_KEY_DURATION, TXC_KEY_RELOADABLE, "10s", 0, HOUR, NULL},
    {"coordinator/max_peers", TXC_KEY_INT, 0, "4096", 16, 65536, NULL},
    {"group/init", TXC_KEY_BOOL, 0, "0", 0, 0, NULL},
    {"log/folder", TXC_KEY_STRING, TXC_KEY_REQUIRED, NULL, 0, 0,
     "the folder of the log, on a disk of its own if you can"},
    {"log/segment_size", TXC_KEY_SIZE, 0, "16M", 1 << 20, 1 << 30, NULL},
    {"log/max_segments", TXC_KEY_INT, 0, "64", 3, 4096, NULL},
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
    return TXC_OK;
}

static uint32_t s_u32 (const txc_config_t *config, const char *path)
{
    return (uint32_t) txc_config_int (config, path);
}

void coord_config_replica (const txc_config_t *config, txc_replica_config_t *replica)
{
    replica->id = s_u32 (config, "coordinator/replica");
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

/* --- crash points ------------------------------------------------------------------- */

#define RECORD_NAME(name, value) #name,

static const char *const s_records[] = {TXC_RECORD_MAP (RECORD_NAME) NULL};

static const char *const s_messages[] = {
    "SESSION_OPENED", "SESSION_ALIVE",   "DIRECTORY_REPLY", "OUTCOME", "AGENT_WELCOME", "PREPARE",
    "PHASE2_COMMIT",  "PHASE2_ROLLBACK", "INQUIRY_PENDING", "ENDED",   "ADMIN_REPLY",   NULL};

static const char *const s_snapshot[] = {"SNAPSHOT", NULL};

const txc_crash_set_t coord_crash_points[] = {
    {"append.before", s_records},
    {"append.after", s_records},
    {"send.before", s_messages},
    {"send.after", s_messages},
    {"checkpoint.before", s_snapshot},
    {"checkpoint.after", s_snapshot},
    {NULL, NULL},
};
