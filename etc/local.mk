# etc
include etc/client.mk
