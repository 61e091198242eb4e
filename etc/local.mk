# etc: commented configuration, systemd units.
#
# `make install` never overwrites a configuration: the sample goes where there is none, and a copy beside it.
sampledir = $(sysconfdir)/txcoord
systemdsystemunit_DATA =
sysusersdir = $(prefix)/lib/sysusers.d
SAMPLES =
UNITS =
SYSUSERS =

SAMPLES += etc/txcoord.cfg
UNITS += etc/txcoord.service.in
SYSUSERS += etc/txcoord.sysusers
systemdsystemunit_DATA += etc/txcoord.service

include etc/client.mk
include etc/agent.mk

EXTRA_DIST += $(SAMPLES) $(UNITS) $(SYSUSERS)
CLEANFILES += $(systemdsystemunit_DATA)

etc/txcoord.service: $(srcdir)/etc/txcoord.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) etc && $(SED) -e 's|@sbindir[@]|$(sbindir)|g' -e 's|@sysconfdir[@]|$(sysconfdir)|g' \
		$(srcdir)/etc/txcoord.service.in > $@

install-data-local:
	$(MKDIR_P) '$(DESTDIR)$(sampledir)' '$(DESTDIR)$(sysusersdir)'
	for file in $(SAMPLES); do \
		name=`basename $$file`; \
		$(INSTALL_DATA) $(srcdir)/$$file '$(DESTDIR)$(sampledir)'/$$name.sample; \
		test -e '$(DESTDIR)$(sampledir)'/$$name || \
			$(INSTALL_DATA) $(srcdir)/$$file '$(DESTDIR)$(sampledir)'/$$name; \
	done
	for file in $(SYSUSERS); do \
		$(INSTALL_DATA) $(srcdir)/$$file '$(DESTDIR)$(sysusersdir)'/`basename $$file .sysusers`.conf; \
	done

# A configuration that nobody changed goes with its sample.
uninstall-local:
	for file in $(SAMPLES); do \
		name=`basename $$file`; \
		! cmp -s '$(DESTDIR)$(sampledir)'/$$name.sample '$(DESTDIR)$(sampledir)'/$$name || \
			rm -f '$(DESTDIR)$(sampledir)'/$$name; \
		rm -f '$(DESTDIR)$(sampledir)'/$$name.sample; \
	done
	for file in $(SYSUSERS); do \
		rm -f '$(DESTDIR)$(sysusersdir)'/`basename $$file .sysusers`.conf; \
	done
