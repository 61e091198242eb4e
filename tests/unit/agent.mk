# plugins/mem and src/txagent.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_mem_rm
TESTS += tests/unit/test_mem_rm
tests_unit_test_mem_rm_SOURCES = tests/unit/test_mem_rm.c
tests_unit_test_mem_rm_CPPFLAGS = $(AM_CPPFLAGS) -DTXC_TEST_PLUGINS='"$(abs_top_builddir)/plugins"'
tests_unit_test_mem_rm_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_mem_rm_LDADD = $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test_agent_pool
TESTS += tests/unit/test_agent_pool
TSAN_TESTS += tests/unit/test_agent_pool
tests_unit_test_agent_pool_SOURCES = tests/unit/test_agent_pool.c
tests_unit_test_agent_pool_CPPFLAGS = $(tests_unit_test_mem_rm_CPPFLAGS)
tests_unit_test_agent_pool_CFLAGS = $(tests_unit_test_mem_rm_CFLAGS)
tests_unit_test_agent_pool_LDADD = src/txagent/libtxagent.la src/daemon/libdaemon.la src/wire/libwire.la \
	src/core/libcore.la src/base/libbase.la $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test_agent_daemon
TESTS += tests/unit/test_agent_daemon
TSAN_TESTS += tests/unit/test_agent_daemon
tests_unit_test_agent_daemon_SOURCES = tests/unit/test_agent_daemon.c \
	tests/unit/agent_world.c tests/unit/agent_world.h
tests_unit_test_agent_daemon_CPPFLAGS = $(tests_unit_test_mem_rm_CPPFLAGS) -DTXC_TEST_BUILD='"$(abs_top_builddir)"'
tests_unit_test_agent_daemon_CFLAGS = $(tests_unit_test_mem_rm_CFLAGS) $(ZMQ_CFLAGS)
tests_unit_test_agent_daemon_LDADD = src/daemon/libdaemon.la src/net/libnet.la src/wire/libwire.la \
	src/core/libcore.la src/base/libbase.la $(CMOCKA_LIBS) $(ZMQ_LIBS)

check_PROGRAMS += tests/unit/test_agent_leader
TESTS += tests/unit/test_agent_leader
tests_unit_test_agent_leader_SOURCES = tests/unit/test_agent_leader.c \
	tests/unit/agent_world.c tests/unit/agent_world.h
tests_unit_test_agent_leader_CPPFLAGS = $(tests_unit_test_agent_daemon_CPPFLAGS)
tests_unit_test_agent_leader_CFLAGS = $(tests_unit_test_agent_daemon_CFLAGS)
tests_unit_test_agent_leader_LDADD = $(tests_unit_test_agent_daemon_LDADD)

check_PROGRAMS += tests/unit/test_agent_journal
TESTS += tests/unit/test_agent_journal
tests_unit_test_agent_journal_SOURCES = tests/unit/test_agent_journal.c
tests_unit_test_agent_journal_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/lib
tests_unit_test_agent_journal_CFLAGS = $(tests_unit_test_mem_rm_CFLAGS)
tests_unit_test_agent_journal_LDADD = tests/lib/libfakedisk.la src/txagent/libtxagent.la src/daemon/libdaemon.la \
	src/log/liblog.la src/wire/libwire.la src/core/libcore.la src/base/libbase.la $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test_agent_config
TESTS += tests/unit/test_agent_config
tests_unit_test_agent_config_SOURCES = tests/unit/test_agent_config.c tests/unit/wrong_values.h
tests_unit_test_agent_config_CPPFLAGS = $(tests_unit_test_mem_rm_CPPFLAGS) -DTXC_TEST_SOURCES='"$(abs_top_srcdir)"'
tests_unit_test_agent_config_CFLAGS = $(tests_unit_test_mem_rm_CFLAGS)
tests_unit_test_agent_config_LDADD = $(tests_unit_test_agent_pool_LDADD)
endif
