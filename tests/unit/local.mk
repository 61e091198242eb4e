# tests/unit
include tests/unit/agent.mk
include tests/unit/log.mk
include tests/unit/client.mk
