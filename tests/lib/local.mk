# tests/lib: what several suites use.
noinst_LTLIBRARIES += tests/lib/libfakedisk.la
tests_lib_libfakedisk_la_SOURCES = tests/lib/txc_fake_disk.c tests/lib/txc_fake_disk.h
EXTRA_DIST += tests/lib/bounded tests/lib/bank.py tests/lib/cluster.py tests/lib/databases.py tests/lib/group.py tests/lib/network.py \
	tests/lib/processes.py
