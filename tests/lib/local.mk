# tests/lib: what several suites use.
noinst_LTLIBRARIES += tests/lib/libfakedisk.la
tests_lib_libfakedisk_la_SOURCES = tests/lib/txc_fake_disk.c tests/lib/txc_fake_disk.h

# Preloaded into daemons under test.  (A path, wherever it leads, makes libtool build what can be loaded.)
check_LTLIBRARIES = tests/lib/txc_bad_disk.la tests/lib/txc_scripted_xa.la tests/lib/txc_file_xa.la
tests_lib_txc_bad_disk_la_SOURCES = tests/lib/txc_bad_disk.c
tests_lib_txc_bad_disk_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -rpath /nowhere

EXTRA_DIST += tests/lib/bounded tests/lib/bank.py tests/lib/cluster.py tests/lib/databases.py tests/lib/disks.py \
	tests/lib/group.py tests/lib/members.py tests/lib/network.py tests/lib/processes.py tests/lib/relay.py tests/lib/transfer.py

# A vendor's XA switch, as tests want it.
tests_lib_txc_scripted_xa_la_SOURCES = tests/lib/txc_scripted_xa.c tests/lib/txc_scripted_xa.h
tests_lib_txc_scripted_xa_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -rpath /nowhere

# A resource manager with an XA switch that keeps what it is given.
tests_lib_txc_file_xa_la_SOURCES = tests/lib/txc_file_xa.c tests/lib/txc_file_xa.h
tests_lib_txc_file_xa_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -rpath /nowhere
