# The tools' configuration.
clientconfdir = $(sysconfdir)/txcoord
dist_clientconf_DATA = etc/client.cfg
