# The library and the tools against real daemons with in-memory resource managers.
check_PROGRAMS += tests/integration/client_stress
tests_integration_client_stress_SOURCES = tests/integration/client_stress.c
tests_integration_client_stress_LDADD = src/libtxcoord/libtxcoord.la
client_suites = tests/integration/client_tools tests/integration/client_crash tests/integration/follow_leader
TESTS += $(client_suites)
EXTRA_DIST += $(client_suites) tests/integration/client_terminal tests/lib/cluster.sh tests/lib/group.sh
