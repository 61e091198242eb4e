# The tools' configuration.
SAMPLES += etc/client.cfg
