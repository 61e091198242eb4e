#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/txc_assert.h"
#include "base/txc_mem.h"
#include "libtxcoord/txc_enlist.h"

void txc_script_sql (txc_enlisted_t *self, int step, const char *format, ...)
{
    va_list args;
    va_start (args, format);
    int size = vsnprintf (self->sql, sizeof self->sql, format, args);
    va_end (args);
    TXC_ASSERT (size > 0 && size < (int) sizeof self->sql);
    self->step = step;
}

void txc_script_end (txc_enlisted_t *self, txc_work_status_t status)
{
    self->over = true;
    self->done.status = (uint8_t) status;
    if (status == TXC_WORK_OK || status == TXC_WORK_READ_ONLY)
        memset (&self->done.error, 0, sizeof self->done.error);
}

void txc_script_blame (txc_enlisted_t *self, int code, const txc_sql_reply_t *reply, const char *text)
{
    txc_error_t *error = &self->done.error;
    if (error->code != TXC_OK)
        return;
    if (!text)
        text = reply->text[0] ? reply->text
                              : "a statement of the library failed, and its driver does not say why";
    txc_error_set (error, code, "%s", text);
    txc_copy_text (error->rm, sizeof error->rm, self->rm);
    if (!reply)
        return;
    error->native = reply->native;
    txc_copy_text (error->sqlstate, sizeof error->sqlstate, reply->sqlstate);
}

static void s_dialect (txc_enlisted_t *self, const txc_sql_reply_t *reply)
{
    if (self->driver.dialect == TXC_DIALECT_CALLS)
        txc_script_call (self);
    else if (self->driver.dialect == TXC_DIALECT_POSTGRESQL)
        txc_script_pg (self, reply);
    else
        txc_script_my (self, reply);
}

void txc_script_begin (txc_enlisted_t *self, uint8_t op, bool prepared)
{
    memset (&self->done, 0, sizeof self->done);
    self->done.op = self->op = op;
    self->prepared = prepared;
    self->over = self->doubtful = false;
    self->step = self->tries = 0;
    s_dialect (self, NULL);
}

void txc_script_next (txc_enlisted_t *self, const txc_sql_reply_t *reply)
{
    if (reply->lost) {
        txc_script_blame (self, TXC_ERMFAIL, reply,
                          reply->text[0] ? NULL : "the enlisted connection was lost");
        txc_script_end (self, TXC_WORK_LOST);
        return;
    }
    s_dialect (self, reply);
}
