# Unit tests of src/core.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_core
TESTS += tests/unit/test_core
tests_unit_test_core_SOURCES = tests/unit/test_core.c tests/unit/core_world.c tests/unit/core_world.h
tests_unit_test_core_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_core_LDADD = src/wire/libwire.la src/core/libcore.la src/base/libbase.la $(PROTOBUF_C_LIBS) $(CMOCKA_LIBS)
endif
