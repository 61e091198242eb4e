#include "config.h"

#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"

/*
 * The file is text, a line an event, words separated by one space; a last line
 * without its newline was torn by a crash and counts for nothing:
 *
 *     store ID LAST_SERIAL                          the first line
 *     row KEY VALUE
 *     prepared SERIAL FORMAT GTRID BQUAL (KEY VALUE)...
 *     applied SERIAL (KEY VALUE)...                 committed without a prepare
 *     committed SERIAL   rolled_back SERIAL
 *
 * It is written without fsync: it outlives a killed process, not a lost
 * machine.  Opening it rewrites it with what is still needed.
 */

static int s_error (txc_rm_t *rm, txc_rm_error_t *error, int code, const char *what)
{
    mem_fail (error, TXC_RM_LOST, code, "58030", "store file %.150s: %s", rm->path, what);
    return code;
}

/* --- writing ------------------------------------------------------------------ */

static void s_put_writes (FILE *file, const mem_branch_t *branch)
{
    for (uint32_t i = 0; i < branch->n_writes; i++)
        fprintf (file, " %s %s", branch->writes[i].row->key, branch->writes[i].value);
    fputc ('\n', file);
}

static void s_put_prepared (FILE *file, const mem_branch_t *branch)
{
    fprintf (file, "prepared %" PRIu64 " %" PRId32 " %s %s", branch->serial, branch->format_id, branch->gtrid,
             branch->bqual);
    s_put_writes (file, branch);
}

/* After a failed write a line may be half there: nothing may follow it, so that the file is left alone from
 * then on. */
static bool s_flushed (txc_rm_t *rm)
{
    if (fflush (rm->file) == 0 && !ferror (rm->file))
        return true;
    fclose (rm->file);
    rm->file = NULL;
    return false;
}

bool mem_file_prepared (txc_rm_t *rm, const mem_branch_t *branch)
{
    if (!rm->path)
        return true;
    if (!rm->file)
        return false;
    s_put_prepared (rm->file, branch);
    return s_flushed (rm);
}

bool mem_file_committed_now (txc_rm_t *rm, const mem_branch_t *branch)
{
    if (!rm->path)
        return true;
    if (!rm->file)
        return false;
    fprintf (rm->file, "applied %" PRIu64, branch->serial);
    s_put_writes (rm->file, branch);
    return s_flushed (rm);
}

bool mem_file_ended (txc_rm_t *rm, uint64_t serial, bool commit)
{
    if (!rm->path)
        return true;
    if (!rm->file)
        return false;
    fprintf (rm->file, "%s %" PRIu64 "\n", commit ? "committed" : "rolled_back", serial);
    return s_flushed (rm);
}

/* --- reading ------------------------------------------------------------------ */

static bool s_number (char **rest, uint64_t *number)
{
    char *word = strtok_r (NULL, " ", rest), *end;
    if (!word)
        return false;
    *number = strtoull (word, &end, 10);
    return end != word && !*end;
}

/* The pairs at the end of a line become writes of the branch. */
static bool s_read_writes (txc_rm_t *rm, mem_branch_t *branch, char **rest)
{
    char *key, *value;
    while ((key = strtok_r (NULL, " ", rest))) {
        value = strtok_r (NULL, " ", rest);
        mem_row_t *row = mem_row (rm, key);
        if (!value || (row->holder && row->holder != branch))
            return false;
        row->holder = branch;
        mem_branch_write (branch, row, value);
    }
    return true;
}

static mem_branch_t *s_branch_of (txc_rm_t *rm, uint64_t serial)
{
    txc_hash_cursor_t cursor;
    for (txc_hash_node_t *node = txc_hash_begin (&rm->branches, &cursor); node;
         node = txc_hash_step (&rm->branches, &cursor)) {
        mem_branch_t *branch = TXC_CONTAINER (node, mem_branch_t, node);
        if (branch->serial == serial)
            return branch;
    }
    return NULL;
}

static mem_branch_t *s_read_branch (txc_rm_t *rm, const txc_rm_xid_t *xid, uint64_t serial, char **rest)
{
    mem_branch_t *branch = mem_branch_new (rm, xid);
    branch->serial = serial;
    branch->state = MEM_PREPARED;
    branch->since_ms = mem_now_ms();
    return s_read_writes (rm, branch, rest) ? branch : NULL;
}

static bool s_read_prepared (txc_rm_t *rm, uint64_t serial, char **rest)
{
    uint64_t format;
    if (!s_number (rest, &format) || format > INT32_MAX)
        return false;
    txc_rm_xid_t xid = {.format_id = (int32_t) format};
    xid.gtrid = strtok_r (NULL, " ", rest);
    xid.bqual = strtok_r (NULL, " ", rest);
    return xid.gtrid && xid.bqual && s_read_branch (rm, &xid, serial, rest);
}

/* One line.  False: it makes no sense. */
static bool s_read_line (txc_rm_t *rm, char *line)
{
    char *rest, *verb = strtok_r (line, " ", &rest);
    uint64_t serial;
    if (!verb)
        return false;
    if (strcmp (verb, "row") == 0) {
        char *key = strtok_r (NULL, " ", &rest), *value = strtok_r (NULL, " ", &rest);
        if (!key || !value)
            return false;
        mem_row_t *row = mem_row (rm, key);
        free (row->value);
        row->value = txc_strdup (value);
        return true;
    }
    if (!s_number (&rest, &serial))
        return false;
    if (strcmp (verb, "store") == 0) {
        rm->id = serial;
        return s_number (&rest, &rm->last_serial);
    }
    bool good = true;
    uint64_t last = serial > rm->last_serial ? serial : rm->last_serial;
    if (strcmp (verb, "prepared") == 0)
        good = s_read_prepared (rm, serial, &rest);
    else if (strcmp (verb, "applied") == 0) {
        txc_rm_xid_t nobody = {.gtrid = "", .bqual = ""};
        mem_branch_t *branch = s_read_branch (rm, &nobody, serial, &rest);
        if ((good = branch != NULL))
            mem_branch_end (rm, &branch, true);
    } else {
        bool commit = strcmp (verb, "committed") == 0;
        mem_branch_t *branch = s_branch_of (rm, serial);
        if (!commit && strcmp (verb, "rolled_back") != 0)
            return false;
        if (branch)
            mem_branch_end (rm, &branch, commit);
        else
            mem_outcome_put (rm, serial, commit ? 'c' : 'r');
    }
    rm->last_serial = last; /* branches made while reading counted on */
    return good;
}

static int s_read (txc_rm_t *rm, txc_rm_error_t *error)
{
    FILE *file = fopen (rm->path, "r");
    if (!file)
        return errno == ENOENT ? TXC_OK : s_error (rm, error, TXC_EIO, strerror (errno));
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    int rc = TXC_OK;
    while (rc == TXC_OK && (length = getline (&line, &size, file)) > 0) {
        if (line[length - 1] != '\n')
            break;
        line[length - 1] = '\0';
        if (!s_read_line (rm, line))
            rc = s_error (rm, error, TXC_ECORRUPT, "a line makes no sense; is it a store of this plugin?");
    }
    free (line);
    fclose (file);
    return rc;
}

static int s_rewrite (txc_rm_t *rm, txc_rm_error_t *error)
{
    size_t size = strlen (rm->path) + 5;
    char *path = txc_malloc (size);
    snprintf (path, size, "%s.new", rm->path);
    FILE *file = fopen (path, "we");
    if (file) {
        fprintf (file, "store %" PRIu64 " %" PRIu64 "\n", rm->id, rm->last_serial);
        txc_hash_cursor_t cursor;
        for (txc_hash_node_t *node = txc_hash_begin (&rm->rows, &cursor); node;
             node = txc_hash_step (&rm->rows, &cursor)) {
            mem_row_t *row = TXC_CONTAINER (node, mem_row_t, node);
            if (row->value)
                fprintf (file, "row %s %s\n", row->key, row->value);
        }
        for (size_t i = 0; i < MEM_OUTCOMES; i++)
            if (rm->outcomes[i].outcome)
                fprintf (file, "%s %" PRIu64 "\n",
                         rm->outcomes[i].outcome == 'c' ? "committed" : "rolled_back",
                         rm->outcomes[i].serial);
        for (txc_hash_node_t *node = txc_hash_begin (&rm->branches, &cursor); node;
             node = txc_hash_step (&rm->branches, &cursor))
            s_put_prepared (file, TXC_CONTAINER (node, mem_branch_t, node));
    }
    bool good = file && fflush (file) == 0 && rename (path, rm->path) == 0;
    int rc = good ? TXC_OK : s_error (rm, error, TXC_EIO, strerror (errno));
    free (path);
    if (good)
        rm->file = file;
    else if (file)
        fclose (file);
    return rc;
}

static int s_lock (txc_rm_t *rm, txc_rm_error_t *error)
{
    size_t size = strlen (rm->path) + 6;
    char *path = txc_malloc (size);
    snprintf (path, size, "%s.lock", rm->path);
    rm->lock_fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    free (path);
    if (rm->lock_fd < 0)
        return s_error (rm, error, TXC_EIO, strerror (errno));
    if (flock (rm->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return TXC_OK;
    close (rm->lock_fd);
    rm->lock_fd = -1;
    return s_error (rm, error, TXC_ELOCKED, "in use by another agent");
}

int mem_file_open (txc_rm_t *rm, txc_rm_error_t *error)
{
    if (rm->opened || !rm->path) {
        rm->opened = true;
        return TXC_OK;
    }
    if (rm->lock_fd < 0) {
        int rc = s_lock (rm, error);
        if (rc != TXC_OK)
            return rc;
    }
    int rc = s_read (rm, error);
    if (rc == TXC_OK)
        rc = s_rewrite (rm, error);
    rm->opened = rc == TXC_OK;
    return rc;
}

void mem_file_close (txc_rm_t *rm)
{
    if (rm->file)
        fclose (rm->file);
    rm->file = NULL;
    if (rm->lock_fd >= 0)
        close (rm->lock_fd);
    rm->lock_fd = -1;
}
