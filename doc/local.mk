# doc
include doc/client.mk
include doc/daemons.mk
include doc/agent.mk
