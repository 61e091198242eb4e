# tests/lib: what several suites use.
noinst_LTLIBRARIES += tests/lib/libfakedisk.la
tests_lib_libfakedisk_la_SOURCES = tests/lib/txc_fake_disk.c tests/lib/txc_fake_disk.h
