/*
 * plugin_mysql.c - the MariaDB plugin against a real server, as the agent uses
 * it.  Each pitfall of two-phase commit in MariaDB is one test.
 *
 *     plugin_mysql [PATTERN]    run by tests/integration/run_plugin_mysql
 */
#include "config.h"

#include "my_fixture.h"

int main (int argc, char **argv)
{
    if (argc > 1 && *argv[1])
        cmocka_set_test_filter (argv[1]);
    int failed = my_vote_tests() + my_result_tests() + my_guard_tests() + my_finish_tests() +
                 my_check_tests() + my_odd_tests() + my_crash_tests();
    mysql_library_end();
    return failed != 0;
}
