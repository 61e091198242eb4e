# The configuration of the tools, and of programs of the TX interface.
SAMPLES += etc/client.cfg etc/tx.cfg
