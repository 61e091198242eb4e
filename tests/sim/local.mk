# tests/sim: the deterministic simulator, with a build of the core in which single rules can be switched off.
noinst_LTLIBRARIES += tests/sim/libcoremutants.la
tests_sim_libcoremutants_la_SOURCES = $(CORE_SOURCES)
tests_sim_libcoremutants_la_CPPFLAGS = $(AM_CPPFLAGS) -DTXC_MUTANTS

SIM_SOURCES = \
	tests/sim/sim.h tests/sim/sim_alone.c tests/sim/sim_alone.h tests/sim/sim_agent.c tests/sim/sim_agent.h \
	tests/sim/sim_check.c tests/sim/sim_check.h tests/sim/sim_check_branch.c tests/sim/sim_check_end.c tests/sim/sim_check_member.c \
	tests/sim/sim_check_private.h \
	tests/sim/sim_count.c tests/sim/sim_count.h tests/sim/sim_client.c tests/sim/sim_client.h tests/sim/sim_coordinator.c tests/sim/sim_coordinator.h \
	tests/sim/sim_faults.c tests/sim/sim_faults.h tests/sim/sim_group.c tests/sim/sim_group.h tests/sim/sim_log.c tests/sim/sim_log.h tests/sim/sim_loss.c tests/sim/sim_loss.h \
	tests/sim/sim_main.c tests/sim/sim_members.c tests/sim/sim_members.h tests/sim/sim_net.c tests/sim/sim_net.h tests/sim/sim_owner.c tests/sim/sim_reflog.c tests/sim/sim_reflog.h \
	tests/sim/sim_rm.c tests/sim/sim_rm.h tests/sim/sim_rm_run.c tests/sim/sim_run.c \
	tests/sim/sim_trace.c tests/sim/sim_trace.h tests/sim/sim_truth.c tests/sim/sim_truth.h \
	tests/sim/sim_votes.c tests/sim/sim_votes.h \
	tests/sim/sim_worker.c tests/sim/sim_worker.h tests/sim/sim_workload.c \
	tests/sim/sim_world.c tests/sim/sim_world.h

check_PROGRAMS += tests/sim/txsim
tests_sim_txsim_SOURCES = $(SIM_SOURCES)
tests_sim_txsim_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) -I$(top_srcdir)/tests/sim -DTXC_MUTANTS
tests_sim_txsim_LDADD = tests/sim/libcoremutants.la src/wire/libwire.la src/log/liblog.la \
	tests/lib/libfakedisk.la src/base/libbase.la

# A short range for make check; contrib/check runs a longer one.
TESTS += tests/sim/short.sh
check_SCRIPTS += tests/sim/short.sh
EXTRA_DIST += tests/sim/short.sh tests/sim/mutants tests/sim/flips
