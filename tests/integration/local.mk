# tests/integration
include tests/integration/pgsql.mk
include tests/integration/bank.mk
include tests/integration/coordinator.mk
include tests/integration/mysql.mk
include tests/integration/client.mk
include tests/integration/operators.mk
include tests/integration/upgrade.mk
