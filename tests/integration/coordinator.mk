# The real coordinator daemon; the test plays application and agent.
if HAVE_CMOCKA
check_PROGRAMS += tests/integration/coordinator tests/integration/coordinator_group
TESTS += tests/integration/coordinator tests/integration/coordinator_group
tests_integration_coordinator_SOURCES = \
	tests/integration/coordinator.c \
	tests/integration/coordinator_harness.c tests/integration/coordinator_harness.h
tests_integration_coordinator_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) \
	-DTXC_TEST_DAEMON='"$(abs_top_builddir)/src/txcoord/txcoord"'
tests_integration_coordinator_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS) $(ZMQ_CFLAGS)
tests_integration_coordinator_LDADD = src/net/libnet.la src/wire/libwire.la src/core/libcore.la \
	src/base/libbase.la $(CMOCKA_LIBS) $(JANSSON_LIBS) $(ZMQ_LIBS)
tests_integration_coordinator_group_SOURCES = \
	tests/integration/coordinator_group.c \
	tests/integration/coordinator_harness.c tests/integration/coordinator_harness.h
tests_integration_coordinator_group_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) \
	-DTXC_TEST_DAEMON='"$(abs_top_builddir)/src/txcoord/txcoord"'
tests_integration_coordinator_group_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS) $(ZMQ_CFLAGS)
tests_integration_coordinator_group_LDADD = src/net/libnet.la src/wire/libwire.la src/core/libcore.la \
	src/base/libbase.la $(CMOCKA_LIBS) $(JANSSON_LIBS) $(ZMQ_LIBS)
endif
