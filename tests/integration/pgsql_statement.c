#include "pgsql_harness.h"
const struct CMUnitTest pgsql_statement_tests[] = {{0}};
const size_t pgsql_statement_count = 0;
