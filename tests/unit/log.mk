# src/log
include tests/lib/local.mk
if HAVE_CMOCKA
LOG_TESTS = tests/unit/test_log tests/unit/test_log_damage tests/unit/test_log_store
TSAN_TESTS += tests/unit/test_log
check_PROGRAMS += $(LOG_TESTS)
TESTS += $(LOG_TESTS)
LOG_LDADD = tests/lib/libfakedisk.la src/log/liblog.la src/core/libcore.la src/base/libbase.la $(CMOCKA_LIBS)
LOG_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/lib
LOG_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)

tests_unit_test_log_store_SOURCES = tests/unit/test_log_store.c tests/unit/log_model.c tests/unit/log_model.h
tests_unit_test_log_store_CPPFLAGS = $(LOG_CPPFLAGS)
tests_unit_test_log_store_CFLAGS = $(LOG_CFLAGS)
tests_unit_test_log_store_LDADD = $(LOG_LDADD)
tests_unit_test_log_SOURCES = tests/unit/test_log.c
tests_unit_test_log_CPPFLAGS = $(LOG_CPPFLAGS)
tests_unit_test_log_CFLAGS = $(LOG_CFLAGS)
tests_unit_test_log_LDADD = $(LOG_LDADD)

tests_unit_test_log_damage_SOURCES = tests/unit/test_log_damage.c
tests_unit_test_log_damage_CPPFLAGS = $(LOG_CPPFLAGS)
tests_unit_test_log_damage_CFLAGS = $(LOG_CFLAGS)
tests_unit_test_log_damage_LDADD = $(LOG_LDADD)
endif
