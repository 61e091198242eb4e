# make installcheck (part of distcheck): what is installed lies where it is looked for, and works from there.
EXTRA_DIST += tests/install/check tests/install/manual
INSTALLED_PLUGINS = mem xa
if HAVE_PGSQL
INSTALLED_PLUGINS += pgsql
endif
if HAVE_MYSQL
INSTALLED_PLUGINS += mysql
endif

INSTALLED_DATABASES =
if HAVE_LIBPQ
INSTALLED_DATABASES += pg
endif
if HAVE_MYSQL
INSTALLED_DATABASES += mysql
endif

installcheck-local:
	DESTDIR='$(DESTDIR)' bindir='$(bindir)' sbindir='$(sbindir)' libdir='$(libdir)' includedir='$(includedir)' \
		mandir='$(mandir)' docdir='$(docdir)' pkgdatadir='$(pkgdatadir)' plugindir='$(plugindir)' pkgconfigdir='$(pkgconfigdir)' \
		sampledir='$(sampledir)' unitdir='$(systemdsystemunitdir)' sysusersdir='$(sysusersdir)' \
		plugins='$(INSTALLED_PLUGINS)' databases='$(INSTALLED_DATABASES)' CC='$(CC)' CFLAGS='$(CFLAGS) $(AM_LDFLAGS)' PKG_CONFIG='$(PKG_CONFIG)' \
		bash '$(srcdir)/tests/install/check' '$(srcdir)'
