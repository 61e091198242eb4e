# Unit tests of src/core: single flows through its machines, then what each machine refuses.
if HAVE_CMOCKA
core_tests = tests/unit/test_core tests/unit/test_core_session tests/unit/test_core_ticket tests/unit/test_core_votes \
	tests/unit/test_core_quorum tests/unit/test_core_member tests/unit/test_core_peer \
	tests/unit/test_core_replica tests/unit/test_core_last tests/unit/test_core_agent tests/unit/test_core_group tests/unit/test_core_leader \
	tests/unit/test_core_owner
check_PROGRAMS += $(core_tests)
TESTS += $(core_tests)
core_world = tests/unit/core_world.c tests/unit/core_world.h tests/unit/txc_test.h
core_ldadd = src/wire/libwire.la src/core/libcore.la src/base/libbase.la $(PROTOBUF_C_LIBS) $(CMOCKA_LIBS)
tests_unit_test_core_SOURCES = tests/unit/test_core.c $(core_world)
tests_unit_test_core_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_core_LDADD = $(core_ldadd)
tests_unit_test_core_session_SOURCES = tests/unit/test_core_session.c $(core_world)
tests_unit_test_core_session_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_core_session_LDADD = $(core_ldadd)
tests_unit_test_core_votes_SOURCES = tests/unit/test_core_votes.c $(core_world)
tests_unit_test_core_votes_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_core_votes_LDADD = $(core_ldadd)
tests_unit_test_core_ticket_SOURCES = tests/unit/test_core_ticket.c $(core_world)
tests_unit_test_core_ticket_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_core_ticket_LDADD = $(core_ldadd)
tests_unit_test_core_last_SOURCES = tests/unit/test_core_last.c $(core_world)
tests_unit_test_core_last_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_core_last_LDADD = $(core_ldadd)
tests_unit_test_core_replica_SOURCES = tests/unit/test_core_replica.c $(core_world)
tests_unit_test_core_replica_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_core_replica_LDADD = $(core_ldadd)
tests_unit_test_core_agent_SOURCES = tests/unit/test_core_agent.c $(core_world)
tests_unit_test_core_agent_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_core_agent_LDADD = $(core_ldadd)
tests_unit_test_core_owner_SOURCES = tests/unit/test_core_owner.c $(core_world)
tests_unit_test_core_owner_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_core_owner_LDADD = $(core_ldadd)
tests_unit_test_core_group_SOURCES = tests/unit/test_core_group.c
tests_unit_test_core_group_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_core_group_LDADD = $(core_ldadd)
tests_unit_test_core_leader_SOURCES = tests/unit/test_core_leader.c tests/unit/txc_test.h
tests_unit_test_core_leader_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_core_leader_LDADD = $(core_ldadd)
tests_unit_test_core_quorum_SOURCES = tests/unit/test_core_quorum.c
tests_unit_test_core_quorum_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_core_quorum_LDADD = $(core_ldadd)
tests_unit_test_core_peer_SOURCES = tests/unit/test_core_peer.c $(core_world)
tests_unit_test_core_peer_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_core_peer_LDADD = $(core_ldadd)
tests_unit_test_core_member_SOURCES = tests/unit/test_core_member.c $(core_world)
tests_unit_test_core_member_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_core_member_LDADD = $(core_ldadd)
endif
