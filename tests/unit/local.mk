# tests/unit
include tests/unit/agent.mk
