include tests/lib/local.mk
