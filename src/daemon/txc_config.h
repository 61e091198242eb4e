/*
 * txc_config.h - a daemon's configuration file, checked against a table of keys.
 *
 * The file is ZPL (rfc.zeromq.org/spec/4): sections by an indentation of four
 * spaces, "key = value", # for comments.  Whatever the table does not allow is
 * an error that names file, line and key: an unknown or repeated key, a value
 * out of range, a missing one, and what the parser would silently accept.
 *
 * One thread at a time.
 */
#ifndef TXC_CONFIG_H
#define TXC_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/txc_message.h"

typedef enum txc_key_type {
    TXC_KEY_STRING,   /* any text but the empty one */
    TXC_KEY_NAME,     /* [a-z0-9_-], at most 31 */
    TXC_KEY_INT,      /* min to max */
    TXC_KEY_SIZE,     /* bytes, with K, M, G of 1024; min to max */
    TXC_KEY_DURATION, /* ms, s, m, h; a unit is required unless it is 0; min to max in ms */
    TXC_KEY_BOOL,     /* 0 or 1 */
    TXC_KEY_ENDPOINT, /* tcp://host:port, ipc://path */
    TXC_KEY_CHOICE,   /* one of the words in help, "error|warning|info" */
    TXC_KEY_FREE      /* path ends in '?': any other key of that section; somebody else checks it */
} txc_key_type_t;

enum {
    TXC_KEY_REQUIRED = 1,
    TXC_KEY_REPEATABLE = 2,
    TXC_KEY_RELOADABLE = 4 /* SIGHUP may change it */
};

/* One key.  Sections come into being by the keys in them.  A '?' in path stands for any one name:
 * "rm/?/plugin" says that every section below rm has a key plugin.  REQUIRED below a '?': in each such
 * section; otherwise in the file. */
typedef struct txc_key {
    const char *path; /* "log/folder" */
    txc_key_type_t type;
    unsigned flags;
    const char *fallback; /* as it would be written in the file; NULL: none */
    int64_t min, max;     /* both 0: not bounded, but never negative */
    const char
        *help; /* CHOICE: the words; otherwise what an operator must know, for the error text; may be NULL */
} txc_key_t;

typedef struct txc_config txc_config_t;

/* Reads file.  keys ends with a NULL path and outlives the object.  NULL with error set (TXC_ECONFIG; TXC_EIO
 * if the file cannot be read). */
txc_config_t *txc_config_load (const char *file, const txc_key_t *keys, txc_error_t *error);
void txc_config_destroy (txc_config_t **self_p);

/* Values.  path is a key of the table with names in the place of '?'; asking for another is a bug.  Where the
 * file has none, the fallback; with no fallback NULL, 0, false.  Strings are valid until the next reload. */
const char *txc_config_string (const txc_config_t *self, const char *path);
int64_t txc_config_int (const txc_config_t *self, const char *path); /* INT; SIZE in bytes; DURATION in ms */
bool txc_config_bool (const txc_config_t *self, const char *path);

/* The index-th value of a repeatable key; NULL behind the last. */
const char *txc_config_nth (const txc_config_t *self, const char *path, size_t index);

/* The name of the index-th section or key below a section, in the file's order; NULL behind the last. */
const char *txc_config_child (const txc_config_t *self, const char *section, size_t index);

/* The line of a key or section in the file; 0 if it is not there. */
unsigned txc_config_line (const txc_config_t *self, const char *path);

/* Reads the file again and takes over what is reloadable.  changed is called for every key whose value
 * differs: applied tells whether it counts from now on, or only after a restart.  On error (as
 * txc_config_load) nothing changes. */
int txc_config_reload (txc_config_t *self, void (*changed) (void *arg, const char *path, bool applied),
                       void *arg, txc_error_t *error);

#endif
