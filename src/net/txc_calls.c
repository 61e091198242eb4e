#include "config.h"

#include "net/txc_calls.h"

#include <string.h>

#include "base/txc_mem.h"

uint64_t txc_calls_route (txc_calls_t *self, txc_net_t *net, const char *endpoint)
{
    for (uint32_t i = 0; i < self->n; i++)
        if (strcmp (self->items[i].endpoint, endpoint) == 0)
            return self->items[i].route;
    uint64_t route = self->n < TXC_CALLS_MAX ? txc_net_connect (net, endpoint, NULL) : 0;
    if (route == 0)
        return 0;
    self->items[self->n].route = route;
    txc_copy_text (self->items[self->n].endpoint, sizeof self->items[self->n].endpoint, endpoint);
    self->n++;
    self->version++;
    return route;
}

const char *txc_calls_endpoint (const txc_calls_t *self, uint64_t route)
{
    for (uint32_t i = 0; i < self->n; i++)
        if (self->items[i].route == route)
            return self->items[i].endpoint;
    return NULL;
}

static bool s_is_named (const char *endpoint, txc_calls_nth_fn *nth, const void *arg)
{
    const char *name;
    for (uint32_t i = 0; (name = nth (arg, i)) != NULL; i++)
        if (strcmp (name, endpoint) == 0)
            return true;
    return false;
}

void txc_calls_keep (txc_calls_t *self, txc_net_t *net, txc_calls_nth_fn *nth, const void *arg)
{
    for (uint32_t i = self->n; i-- > 0;) {
        if (s_is_named (self->items[i].endpoint, nth, arg))
            continue;
        txc_net_disconnect (net, self->items[i].route);
        self->items[i] = self->items[--self->n];
        self->version++;
    }
}

/* --- lists ------------------------------------------------------------------------ */

static int s_take (const char *text, size_t size, char endpoints[][TXC_ENDPOINT_MAX + 1], uint32_t *n,
                   txc_error_t *error)
{
    if (size == 0 || size > TXC_ENDPOINT_MAX)
        return txc_error_set (error, TXC_EINVAL,
                              "the list of coordinators has an empty or overlong endpoint; give "
                              "\"tcp://host:port\", several separated by commas");
    if (*n == TXC_REPLICAS_MAX)
        return txc_error_set (error, TXC_EINVAL, "more than %d coordinators are listed", TXC_REPLICAS_MAX);
    memcpy (endpoints[*n], text, size);
    endpoints[*n][size] = '\0';
    int rc = txc_net_check_endpoint (endpoints[*n], false, error);
    *n += rc == TXC_OK;
    return rc;
}

int txc_calls_parse (const char *list, char endpoints[TXC_REPLICAS_MAX][TXC_ENDPOINT_MAX + 1], uint32_t *n,
                     txc_error_t *error)
{
    *n = 0;
    for (;;) {
        list += strspn (list, " ");
        size_t size = strcspn (list, ", ");
        int rc = s_take (list, size, endpoints, n, error);
        if (rc != TXC_OK)
            return rc;
        list += size;
        list += strspn (list, " ");
        if (*list == '\0')
            return TXC_OK;
        if (*list++ != ',')
            return txc_error_set (error, TXC_EINVAL, "separate the coordinators' endpoints by commas");
    }
}
