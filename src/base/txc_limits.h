/*
 * txc_limits.h - every bound of the product that is not configuration.
 */
#ifndef TXC_LIMITS_H
#define TXC_LIMITS_H

enum {
    TXC_GTRID_MAX = 64,      /* bytes of a gtrid's text, X/Open's MAXGTRIDSIZE */
    TXC_BQUAL_MAX = 64,      /* bytes of a bqual's text */
    TXC_RM_NAME_MAX = 31,    /* [a-z0-9_-]+ ; with '.' and the token it fits a bqual */
    TXC_AGENT_NAME_MAX = 31, /* likewise */
    TXC_ENDPOINT_MAX = 127,  /* bytes of a ZeroMQ endpoint */
    TXC_BRANCHES_MAX = 32,   /* branches of one transaction */
    TXC_RMS_MAX = 64,        /* resource managers of one agent */
    TXC_AGENTS_MAX = 256,    /* agents of one cluster */
    TXC_REPLICAS_MAX = 7,    /* members of a group: 5, and two on their way in or out */
    TXC_EVIDENCE_MAX = 95,   /* bytes of a vote's evidence, printable */
    TXC_TEXT_MAX = 255,      /* bytes of an error's text on its way between processes */
    TXC_SQLSTATE_MAX = 5,
    TXC_WINDOW = 65536,         /* transactions of a session beyond its low-water mark */
    TXC_RECORD_MAX = 8192,      /* bytes of one encoded log record */
    TXC_FRAME_MAX = 64 << 20,   /* bytes of one wire frame */
    TXC_STATEMENT_MAX = 1 << 20 /* bytes of a statement with its parameters */
};

#define TXC_FORMAT_ID 0x54584331 /* "TXC1": the formatID of our XIDs, positive in 31 bits */

#endif
