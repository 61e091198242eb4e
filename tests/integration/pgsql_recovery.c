#include "pgsql_harness.h"
const struct CMUnitTest pgsql_recovery_tests[] = {{0}};
const size_t pgsql_recovery_count = 0;
