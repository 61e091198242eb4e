#include "base/txc_assert.h"

#include <stdio.h>
#include <stdlib.h>

static txc_assert_handler_t *s_handler;

void txc_assert_set_handler (txc_assert_handler_t *handler)
{
    s_handler = handler;
}

_Noreturn void txc_assert_failed (const char *kind, const char *what, const char *file, int line)
{
    char message[512];
    snprintf (message, sizeof message, "%s failed: %s (%s:%d)", kind, what, file, line);
    if (s_handler)
        s_handler (message);
    fprintf (stderr, "txcoord: %s\n", message);
    abort();
}
