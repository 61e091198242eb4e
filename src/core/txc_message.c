#include "core/txc_message.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/txc_mem.h"

#define MESSAGE_CASE(name, value)                                                                            \
    case TXC_MSG_##name:                                                                                     \
        return #name;

const char *txc_msg_name (txc_msg_type_t type)
{
    switch (type) {
        TXC_MESSAGE_MAP (MESSAGE_CASE)
    case TXC_MSG_NONE:
    case TXC_MSG_TYPES:
        break;
    }
    return "?";
}

const char *txc_vote_name (txc_vote_t vote)
{
    static const char *const names[] = {"none", "yes", "read-only", "no", "no (not final)"};
    return (unsigned) vote < sizeof names / sizeof *names ? names[vote] : "?";
}

const char *txc_heur_name (txc_heur_t heur)
{
    static const char *const names[] = {"none", "XA_HEURCOM", "XA_HEURRB", "XA_HEURMIX", "XA_HEURHAZ"};
    return (unsigned) heur < sizeof names / sizeof *names ? names[heur] : "?";
}

int txc_error_set (txc_error_t *self, int code, const char *format, ...)
{
    if (!self)
        return code;
    memset (self, 0, sizeof *self);
    self->code = code;
    va_list args;
    va_start (args, format);
    vsnprintf (self->text, sizeof self->text, format, args);
    va_end (args);
    return code;
}
