#include "config.h"

#include "log/txc_disk.h"

#include <errno.h>
#include <string.h>

#include "base/txc_codes.h"

static int s_code (int error_number)
{
    switch (error_number) {
    case ENOSPC:
    case EDQUOT:
        return TXC_ENOSPACE;
    case EACCES:
    case EPERM:
    case EROFS:
        return TXC_EPERM;
    case ENOMEM:
        return TXC_ENOMEM;
    default:
        return TXC_EIO;
    }
}

int txc_disk_error (const txc_disk_t *self, const char *what, const char *name, int rc, txc_error_t *error)
{
    char buffer[128];
    const char *text = strerror_r (-rc, buffer, sizeof buffer);
    int code = txc_error_set (error, s_code (-rc), "cannot %s %s%s%s: %s", what, self->folder,
                              *name ? "/" : "", name, text);
    if (error)
        error->native = -rc;
    return code;
}
