# tests/bench: built by `make bench`, run by tests/bench/run.
EXTRA_PROGRAMS = tests/bench/transfers
tests_bench_transfers_SOURCES = tests/bench/transfers.c
tests_bench_transfers_LDADD = src/libtxcoord/libtxcoord.la
if HAVE_LIBPQ
if HAVE_MYSQL
tests_bench_transfers_SOURCES += tests/bench/own.c tests/bench/own.h
tests_bench_transfers_CPPFLAGS = $(AM_CPPFLAGS) -DBENCH_OWN $(LIBPQ_CFLAGS) $(MYSQL_CFLAGS)
tests_bench_transfers_LDADD += src/libtxcoord/libtxcoord-pg.la src/libtxcoord/libtxcoord-mysql.la $(LIBPQ_LIBS) $(MYSQL_LIBS)
endif
endif
EXTRA_PROGRAMS += tests/bench/held
tests_bench_held_SOURCES = tests/bench/held.c
tests_bench_held_LDADD = src/libtxcoord/libtxcoord.la
EXTRA_PROGRAMS += tests/bench/latency
tests_bench_latency_SOURCES = tests/bench/latency.c
tests_bench_latency_LDADD = src/libtxcoord/libtxcoord.la
EXTRA_PROGRAMS += tests/bench/decisions
tests_bench_decisions_SOURCES = tests/bench/decisions.c
tests_bench_decisions_CFLAGS = $(AM_CFLAGS) $(ZMQ_CFLAGS)
tests_bench_decisions_LDADD = src/net/libnet.la src/wire/libwire.la src/core/libcore.la src/base/libbase.la $(ZMQ_LIBS)
EXTRA_PROGRAMS += tests/bench/replicated_log_floor
tests_bench_replicated_log_floor_SOURCES = tests/bench/replicated_log_floor.c
tests_bench_replicated_log_floor_CFLAGS = $(AM_CFLAGS) $(ZMQ_CFLAGS) -Wno-conversion
tests_bench_replicated_log_floor_LDADD = src/log/liblog.la src/base/libbase.la $(ZMQ_LIBS)
if HAVE_PGSQL
if HAVE_MYSQL
EXTRA_PROGRAMS += tests/bench/naive_2pc
tests_bench_naive_2pc_SOURCES = tests/bench/naive_2pc.c
tests_bench_naive_2pc_CFLAGS = $(AM_CFLAGS) $(LIBPQ_CFLAGS) $(MYSQL_CFLAGS) -Wno-conversion -Wno-shadow
tests_bench_naive_2pc_LDADD = $(LIBPQ_LIBS) $(MYSQL_LIBS)
endif
endif
EXTRA_DIST += tests/bench/run tests/bench/bench.py tests/bench/groups.py tests/bench/modes.py \
	tests/bench/run_etcd tests/bench/etcd_puts.go
CLEANFILES += $(EXTRA_PROGRAMS)

# Of the packages that "contrib/packages etcd" installs; no other program needs them.
tests/bench/etcd_puts: $(srcdir)/tests/bench/etcd_puts.go
	GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$(abs_builddir)/tests/bench/go-cache \
		go build -o $@ $(srcdir)/tests/bench/etcd_puts.go
CLEANFILES += tests/bench/etcd_puts
clean-local:
	-rm -rf tests/bench/go-cache

# After all, not beside it: both would make the same libraries at the same time.  The simulator counts what `latency` is
# set against.
.PHONY: bench
bench: all
	$(MAKE) $(AM_MAKEFLAGS) $(EXTRA_PROGRAMS) tests/sim/txsim
