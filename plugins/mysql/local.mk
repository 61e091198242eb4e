# plugins/mysql: MariaDB and MySQL.
if HAVE_MYSQL
plugin_LTLIBRARIES += plugins/mysql/txc_rm_mysql.la
plugins_mysql_txc_rm_mysql_la_SOURCES = \
	plugins/mysql/txc_my.h \
	plugins/mysql/txc_my_branch.c \
	plugins/mysql/txc_my_check.c \
	plugins/mysql/txc_my_conn.c \
	plugins/mysql/txc_my_finish.c \
	plugins/mysql/txc_my_prepare.c \
	plugins/mysql/txc_my_query.c \
	plugins/mysql/txc_my_recover.c \
	plugins/mysql/txc_my_result.c \
	plugins/mysql/txc_my_screen.c \
	plugins/mysql/txc_my_stmt.c \
	plugins/mysql/txc_my_switch.c
plugins_mysql_txc_rm_mysql_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/plugins/mysql
plugins_mysql_txc_rm_mysql_la_CFLAGS = $(AM_CFLAGS) $(MYSQL_CFLAGS)
plugins_mysql_txc_rm_mysql_la_LIBADD = src/base/libbase.la $(MYSQL_LIBS)
# nodelete: threads that used the client library call back into the plugin when they end.
plugins_mysql_txc_rm_mysql_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version \
	-export-symbols-regex '^txc_rm_switch$$' -Wl,-z,nodelete
endif
