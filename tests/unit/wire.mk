# src/wire.
if HAVE_CMOCKA
wire_tests = tests/unit/test_wire_codec tests/unit/test_wire_frame tests/unit/test_wire_hostile tests/unit/test_wire_rows
check_PROGRAMS += $(wire_tests)
TESTS += $(wire_tests)
wire_test_cflags = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(PROTOBUF_C_CFLAGS)
wire_test_ldadd = src/wire/libwire.la $(CMOCKA_LIBS) $(PROTOBUF_C_LIBS)
wire_test_sample = tests/unit/wire_sample.c tests/unit/wire_sample.h tests/unit/txc_test.h

tests_unit_test_wire_codec_SOURCES = tests/unit/test_wire_codec.c $(wire_test_sample)
tests_unit_test_wire_codec_CFLAGS = $(wire_test_cflags)
tests_unit_test_wire_codec_LDADD = $(wire_test_ldadd)
tests_unit_test_wire_frame_SOURCES = tests/unit/test_wire_frame.c $(wire_test_sample)
tests_unit_test_wire_frame_CFLAGS = $(wire_test_cflags)
tests_unit_test_wire_frame_LDADD = $(wire_test_ldadd)
tests_unit_test_wire_hostile_SOURCES = tests/unit/test_wire_hostile.c $(wire_test_sample)
tests_unit_test_wire_hostile_CFLAGS = $(wire_test_cflags)
# The heap that decoding asks for is counted, and made to fail.
tests_unit_test_wire_hostile_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=realloc
tests_unit_test_wire_hostile_LDADD = $(wire_test_ldadd)
tests_unit_test_wire_rows_SOURCES = tests/unit/test_wire_rows.c tests/unit/txc_test.h
tests_unit_test_wire_rows_CFLAGS = $(wire_test_cflags)
tests_unit_test_wire_rows_LDADD = $(wire_test_ldadd)
endif
