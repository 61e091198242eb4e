# The bank under load while processes are killed.
check_PROGRAMS += tests/integration/bank_load
tests_integration_bank_load_SOURCES = tests/integration/bank_load.c \
	tests/integration/bank_ask.c tests/integration/bank_ask.h \
	tests/integration/bank_history.c tests/integration/bank_history.h
tests_integration_bank_load_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
tests_integration_bank_load_LDADD = src/libtxcoord/libtxcoord.la
EXTRA_DIST += tests/integration/crash_matrix tests/integration/group tests/integration/group_disks.py \
	tests/integration/group_crash tests/integration/run
