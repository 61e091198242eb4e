/* txc_enlist_xa.h - a branch at an XA switch, for its own file and its test. */
#ifndef TXC_ENLIST_XA_H
#define TXC_ENLIST_XA_H

#include <pthread.h>
#include <stdbool.h>

#include <txcoord/txc_xa.h>

typedef struct txc_xa_branch {
    struct txc_xa_branch *next; /* of those of this thread that register by themselves */
    const struct xa_switch_t *xa;
    int rmid;
    pthread_t thread;
    XID xid;
    bool registers;  /* TMREGISTER */
    bool registered; /* ax_reg was called for it: its work belongs to it until xa_end */
    bool listed;     /* among those of its thread */
} txc_xa_branch_t;

txc_xa_branch_t *txc_xa_branch_new (const struct xa_switch_t *xa, int rmid);

/* The driver's call and release; see txc_enlist.h. */
int txc_xa_branch_call (void *arg, int what, const txc_branch_name_t *name, char *error);
void txc_xa_branch_release (void *arg);

#endif
