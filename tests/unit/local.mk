# tests/unit: cmocka programs, a makefile for each room.
# The programs that start threads; contrib/check runs these under ThreadSanitizer too.
TSAN_TESTS =
EXTRA_DIST += tests/unit/tsan.supp

# For contrib/check.
.PHONY: print-tsan-tests
print-tsan-tests:
	@echo $(TSAN_TESTS)

include tests/unit/base.mk
include tests/unit/purity.mk
include tests/unit/wire.mk
include tests/unit/agent.mk
include tests/unit/log.mk
include tests/unit/client.mk
include tests/unit/core.mk
include tests/unit/daemons.mk
include tests/unit/mysql.mk
include tests/unit/history.mk
include tests/unit/tx.mk
include tests/unit/xa.mk
