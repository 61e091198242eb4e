# tests/bench: built by `make bench`, run by tests/bench/run.
EXTRA_PROGRAMS = tests/bench/transfers
tests_bench_transfers_SOURCES = tests/bench/transfers.c
tests_bench_transfers_LDADD = src/libtxcoord/libtxcoord.la
EXTRA_PROGRAMS += tests/bench/held
tests_bench_held_SOURCES = tests/bench/held.c
tests_bench_held_LDADD = src/libtxcoord/libtxcoord.la
if HAVE_PGSQL
if HAVE_MYSQL
EXTRA_PROGRAMS += tests/bench/naive_2pc
tests_bench_naive_2pc_SOURCES = tests/bench/naive_2pc.c
tests_bench_naive_2pc_CFLAGS = $(AM_CFLAGS) $(LIBPQ_CFLAGS) $(MYSQL_CFLAGS) -Wno-conversion -Wno-shadow
tests_bench_naive_2pc_LDADD = $(LIBPQ_LIBS) $(MYSQL_LIBS)
endif
endif
EXTRA_DIST += tests/bench/run tests/lib/cluster.py
CLEANFILES += $(EXTRA_PROGRAMS)
.PHONY: bench
bench: all $(EXTRA_PROGRAMS)
