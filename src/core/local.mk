# src/core: the protocols, pure: it includes nothing but src/base.
noinst_LTLIBRARIES += src/core/libcore.la
CORE_SOURCES = \
	src/core/txc_agent.c src/core/txc_agent.h src/core/txc_agent_private.h \
	src/core/txc_agent_branch.c src/core/txc_agent_calls.c src/core/txc_agent_exec.c src/core/txc_agent_leader.c \
	src/core/txc_agent_owner.c \
	src/core/txc_agent_phase2.c src/core/txc_agent_proof.c src/core/txc_agent_vote.c \
	src/core/txc_agent_answer.c src/core/txc_agent_peer.c src/core/txc_agent_member.c src/core/txc_agent_member.h src/core/txc_agent_terminate.c \
	src/core/txc_gtx.c src/core/txc_gtx.h \
	src/core/txc_hlc.c src/core/txc_hlc.h \
	src/core/txc_journal.h \
	src/core/txc_leader.c src/core/txc_leader.h \
	src/core/txc_message.c src/core/txc_message.h \
	src/core/txc_mutant.h \
	src/core/txc_paxos.c src/core/txc_paxos.h src/core/txc_paxos_private.h \
	src/core/txc_paxos_acceptor.c src/core/txc_paxos_catchup.c src/core/txc_paxos_election.c \
	src/core/txc_paxos_learner.c src/core/txc_paxos_members.c src/core/txc_paxos_proposer.c \
	src/core/txc_paxos_snapshot.c \
	src/core/txc_paxos_values.c src/core/txc_paxos_values.h src/core/txc_paxos_votes.c \
	src/core/txc_quorum.c src/core/txc_quorum.h \
	src/core/txc_record.c src/core/txc_record.h \
	src/core/txc_registry.c src/core/txc_registry.h src/core/txc_registry_intent.c src/core/txc_registry_member.c \
	src/core/txc_registry_snapshot.c \
	src/core/txc_replica.c src/core/txc_replica.h src/core/txc_replica_private.h \
	src/core/txc_replica_agent.c src/core/txc_replica_commit.c src/core/txc_replica_heuristic.c \
	src/core/txc_replica_inquiry.c \
	src/core/txc_replica_last.c src/core/txc_replica_read.c src/core/txc_replica_session.c src/core/txc_replica_terminate.c \
	src/core/txc_replica_view.c src/core/txc_replica_votes.c \
	src/core/txc_session.c src/core/txc_session.h src/core/txc_session_private.h \
	src/core/txc_session_commit.c src/core/txc_session_join.c src/core/txc_session_owner.c \
	src/core/txc_session_tx.c \
	src/core/txc_transitions.c src/core/txc_transitions.h \
	src/core/txc_update.c src/core/txc_update.h \
	src/core/txc_votes.c src/core/txc_votes.h \
	src/core/txc_work.h
src_core_libcore_la_SOURCES = $(CORE_SOURCES)
