# doc
include doc/client.mk
