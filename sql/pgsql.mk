# What a DBA runs on PostgreSQL.
postgresqlsqldir = $(pkgdatadir)/sql/postgresql
dist_postgresqlsql_DATA = sql/postgresql/roles.sql sql/postgresql/in_doubt.sql sql/postgresql/last_resource.sql sql/postgresql/bank.sql
