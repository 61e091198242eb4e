#include "pgsql_harness.h"
const struct CMUnitTest pgsql_setup_tests[] = {{0}};
const size_t pgsql_setup_count = 0;
