# src/net, src/daemon and src/txcoord.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_net tests/unit/test_config tests/unit/test_daemon tests/unit/test_txcoord
TESTS += tests/unit/test_net tests/unit/test_config tests/unit/test_daemon tests/unit/test_txcoord

tests_unit_test_net_SOURCES = tests/unit/test_net.c
tests_unit_test_net_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(ZMQ_CFLAGS)
tests_unit_test_net_LDADD = src/net/libnet.la src/wire/libwire.la src/core/libcore.la src/base/libbase.la \
	$(CMOCKA_LIBS) $(ZMQ_LIBS)

tests_unit_test_config_SOURCES = tests/unit/test_config.c
tests_unit_test_config_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_config_LDADD = src/daemon/libdaemon.la src/core/libcore.la src/base/libbase.la $(CMOCKA_LIBS)

tests_unit_test_daemon_SOURCES = tests/unit/test_daemon.c
tests_unit_test_daemon_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_daemon_LDADD = src/daemon/libdaemon.la src/core/libcore.la src/base/libbase.la $(CMOCKA_LIBS)

tests_unit_test_txcoord_SOURCES = tests/unit/test_txcoord.c tests/unit/wrong_values.h src/txcoord/coord.h src/txcoord/coord_config.c
tests_unit_test_txcoord_CPPFLAGS = $(AM_CPPFLAGS) -DTXC_TEST_SOURCES='"$(abs_top_srcdir)"'
tests_unit_test_txcoord_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_txcoord_LDADD = src/daemon/libdaemon.la src/net/libnet.la src/wire/libwire.la \
	src/core/libcore.la src/base/libbase.la $(CMOCKA_LIBS)
endif
