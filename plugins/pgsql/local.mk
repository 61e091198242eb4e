# plugins/pgsql: PostgreSQL, through libpq and PostgreSQL's own parser.
if HAVE_PGSQL
plugin_LTLIBRARIES += plugins/pgsql/txc_rm_pgsql.la
endif
plugins_pgsql_txc_rm_pgsql_la_SOURCES = \
	plugins/pgsql/txc_pg.h \
	plugins/pgsql/txc_pg_branch.c \
	plugins/pgsql/txc_pg_cache.c \
	plugins/pgsql/txc_pg_check.c \
	plugins/pgsql/txc_pg_conn.c \
	plugins/pgsql/txc_pg_evidence.c \
	plugins/pgsql/txc_pg_finish.c \
	plugins/pgsql/txc_pg_last.c \
	plugins/pgsql/txc_pg_pipe.c \
	plugins/pgsql/txc_pg_prepare.c \
	plugins/pgsql/txc_pg_recover.c \
	plugins/pgsql/txc_pg_result.c \
	plugins/pgsql/txc_pg_sql.c \
	plugins/pgsql/txc_pg_switch.c
plugins_pgsql_txc_rm_pgsql_la_CPPFLAGS = $(AM_CPPFLAGS) $(LIBPQ_CFLAGS)
# The parser frees its memory when a thread ends, so the object stays loaded (nodelete).  Nothing of it, and of the
# protobuf-c that it contains, is exported.
plugins_pgsql_txc_rm_pgsql_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared \
	-export-symbols-regex '^txc_rm_switch$$' -Wl,-z,nodelete
if !SANITIZED
plugins_pgsql_txc_rm_pgsql_la_LDFLAGS += -Wl,-z,defs
endif
plugins_pgsql_txc_rm_pgsql_la_LIBADD = src/base/libbase.la $(LIBPQ_LIBS) $(PG_QUERY_LIBS)
