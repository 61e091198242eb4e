/*
 * txc_scripted_xa.h - an XA switch that gives what it is told, for tests: a shared object, as a vendor's is.
 *
 * It exports `scripted_xa`, the switch, `scripted_xa_registering`, which would
 * register by itself, and `scripted_xa_script`, through which a test that loads
 * it too sets results and sees calls.
 */
#ifndef TXC_SCRIPTED_XA_H
#define TXC_SCRIPTED_XA_H

#include <pthread.h>
#include <xa.h>

typedef struct scripted_xa_script {
    int start, end, prepare;
    int open, commit, rollback, forget; /* what these give */
    int recover;                        /* below 0: what it gives */
    int n_listed;                       /* what xa_recover lists */
    int boasts;                         /* xa_recover gives so many more than it lists */
    int restarts;                       /* xa_recover begins anew at each call, whatever its flags are */
    XID listed[200];

    unsigned starts, ends, prepares;
    unsigned opens, closes, commits, rollbacks, forgets, scans; /* calls; scans: with TMSTARTRSCAN */
    unsigned strangers; /* calls by a thread that has not opened, or out of a scan's order */
    long flags;         /* of the last call */
    int rmid;
    XID xid;
    char info[MAXINFOSIZE];
} scripted_xa_script_t;

scripted_xa_script_t *scripted_xa_script (void);

#endif
