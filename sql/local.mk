# sql
include sql/pgsql.mk
