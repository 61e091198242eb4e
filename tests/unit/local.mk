# tests/unit: cmocka programs, a makefile for each room.
# The programs that start threads; contrib/check runs these under ThreadSanitizer too.
TSAN_TESTS =
include tests/unit/agent.mk
include tests/unit/log.mk
include tests/unit/client.mk
