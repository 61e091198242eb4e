# A group of replicas of several versions: the coordinator as the next release may have it (src/base/txc_version.h).
check_PROGRAMS += tests/integration/txcoord_next
tests_integration_txcoord_next_SOURCES = $(src_txcoord_txcoord_SOURCES) \
	src/wire/txc_frame.c src/wire/txc_rows.c src/log/txc_format.c src/log/txc_segment.c
tests_integration_txcoord_next_CPPFLAGS = $(AM_CPPFLAGS) -DTXC_VERSION_READS=2
tests_integration_txcoord_next_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(PROTOBUF_C_CFLAGS)
tests_integration_txcoord_next_LDADD = $(src_txcoord_txcoord_LDADD)
TESTS += tests/integration/rolling_upgrade
EXTRA_DIST += tests/integration/rolling_upgrade
