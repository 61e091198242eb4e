# plugins/mem and src/txagent.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_mem_rm
TESTS += tests/unit/test_mem_rm
tests_unit_test_mem_rm_SOURCES = tests/unit/test_mem_rm.c
tests_unit_test_mem_rm_CPPFLAGS = $(AM_CPPFLAGS) -DTXC_TEST_PLUGINS='"$(abs_top_builddir)/plugins"'
tests_unit_test_mem_rm_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_mem_rm_LDADD = $(CMOCKA_LIBS)
endif
