# doc
include doc/client.mk
include doc/daemons.mk
