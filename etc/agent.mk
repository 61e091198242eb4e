# The agent's configuration, unit and account.
SAMPLES += etc/txagent.cfg
UNITS += etc/txagent.service.in
SYSUSERS += etc/txagent.sysusers
systemdsystemunit_DATA += etc/txagent.service

etc/txagent.service: $(srcdir)/etc/txagent.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) etc && $(SED) -e 's|@sbindir[@]|$(sbindir)|g' -e 's|@sysconfdir[@]|$(sysconfdir)|g' \
		$(srcdir)/etc/txagent.service.in > $@
