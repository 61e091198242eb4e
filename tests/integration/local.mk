# tests/integration
include tests/integration/pgsql.mk
