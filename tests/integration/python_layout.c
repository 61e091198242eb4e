/* python_layout - how the compiler lays out the structures of the public headers, for what contrib/python
 * says of them: a line for each, with its size, and the place of each member. */
#include <stddef.h>
#include <stdio.h>

#include <txcoord/txc_enlist.h>

#define STRUCT(name, type)   printf ("%s %zu", name, sizeof (type))
#define MEMBER(type, member) printf (" %s %zu", #member, offsetof (type, member))

static void s_options (void)
{
    STRUCT ("ClientOptions", txc_client_options_t);
    MEMBER (txc_client_options_t, connect_timeout_ms);
    MEMBER (txc_client_options_t, max_transactions);
    putchar ('\n');
    STRUCT ("TxOptions", txc_tx_options_t);
    MEMBER (txc_tx_options_t, timeout_ms);
    MEMBER (txc_tx_options_t, isolation);
    MEMBER (txc_tx_options_t, commit_return);
    MEMBER (txc_tx_options_t, mode);
    putchar ('\n');
    STRUCT ("Param", txc_param_t);
    MEMBER (txc_param_t, value);
    MEMBER (txc_param_t, size);
    putchar ('\n');
    STRUCT ("ErrorInfo", txc_error_info_t);
    MEMBER (txc_error_info_t, code);
    MEMBER (txc_error_info_t, native);
    MEMBER (txc_error_info_t, sqlstate);
    MEMBER (txc_error_info_t, rm);
    MEMBER (txc_error_info_t, text);
    putchar ('\n');
}

static void s_enlisting (void)
{
    STRUCT ("SqlReply", txc_sql_reply_t);
    MEMBER (txc_sql_reply_t, lost);
    MEMBER (txc_sql_reply_t, native);
    MEMBER (txc_sql_reply_t, sqlstate);
    MEMBER (txc_sql_reply_t, tag);
    MEMBER (txc_sql_reply_t, text);
    MEMBER (txc_sql_reply_t, warned);
    MEMBER (txc_sql_reply_t, n_values);
    MEMBER (txc_sql_reply_t, values);
    putchar ('\n');
    STRUCT ("EnlistDriver", txc_enlist_driver_t);
    MEMBER (txc_enlist_driver_t, dialect);
    MEMBER (txc_enlist_driver_t, run);
    MEMBER (txc_enlist_driver_t, send);
    MEMBER (txc_enlist_driver_t, receive);
    MEMBER (txc_enlist_driver_t, release);
    MEMBER (txc_enlist_driver_t, failed);
    MEMBER (txc_enlist_driver_t, affected);
    MEMBER (txc_enlist_driver_t, several);
    MEMBER (txc_enlist_driver_t, session);
    MEMBER (txc_enlist_driver_t, call);
    putchar ('\n');
}

int main (void)
{
    s_options();
    s_enlisting();
    return 0;
}
