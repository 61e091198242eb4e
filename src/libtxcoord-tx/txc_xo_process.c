#include "config.h"

#include "libtxcoord-tx/txc_xo_process.h"

#include <pthread.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/txc_assert.h"

static pthread_mutex_t s_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t s_once = PTHREAD_ONCE_INIT;
/* Under s_mutex: */
static unsigned s_open;
static pid_t s_owner;
static txc_client_t *s_client;
static txc_xo_config_t s_config;

static void s_lock (void)
{
    int rc = pthread_mutex_lock (&s_mutex);
    TXC_ASSERT (rc == 0);
}

static void s_unlock (void)
{
    int rc = pthread_mutex_unlock (&s_mutex);
    TXC_ASSERT (rc == 0);
}

/* So that no other thread of the parent has the lock in the child. */
static void s_init (void)
{
    int rc = pthread_atfork (s_lock, s_unlock, s_unlock);
    TXC_ASSERT (rc == 0);
}

static void s_drop (void)
{
    txc_client_destroy (&s_client);
    txc_xo_config_fini (&s_config);
    s_open = 0;
}

static int s_connect (txc_error_t *error)
{
    int rc = txc_xo_config_load (&s_config, error);
    if (rc != TXC_OK)
        return rc;
    txc_client_options_t options = {.connect_timeout_ms = s_config.connect_timeout_ms};
    s_client = txc_client_new (s_config.coordinator, &options);
    if (s_client)
        return TXC_OK;
    txc_error_info_t why = txc_last_error();
    txc_error_set (error, why.code, "%s", why.text);
    txc_xo_config_fini (&s_config);
    return error->code;
}

int txc_xo_process_open (txc_error_t *error)
{
    pthread_once (&s_once, s_init);
    s_lock();
    if (s_owner != getpid()) {
        s_drop(); /* of the parent's only the memory */
        s_owner = getpid();
    }
    int rc = s_open > 0 ? TXC_OK : s_connect (error);
    if (rc == TXC_OK)
        s_open++;
    s_unlock();
    return rc;
}

void txc_xo_process_close (void)
{
    s_lock();
    TXC_ASSERT (s_open > 0 && s_owner == getpid());
    if (--s_open == 0)
        s_drop();
    s_unlock();
}

txc_client_t *txc_xo_process_client (void)
{
    return s_client;
}

const txc_xo_config_t *txc_xo_process_config (void)
{
    return &s_config;
}
