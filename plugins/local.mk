# plugins: one resource manager each.  They are loaded by name and never linked, so libtool's notes about them are not
# installed.
install-data-hook:
	for plugin in $(plugin_LTLIBRARIES); do rm -f '$(DESTDIR)$(plugindir)'/`basename $$plugin`; done

uninstall-hook:
	for plugin in $(plugin_LTLIBRARIES); do rm -f '$(DESTDIR)$(plugindir)'/`basename $$plugin .la`.so; done

include plugins/mem/local.mk
include plugins/xa/local.mk
include plugins/pgsql/local.mk
include plugins/mysql/local.mk
