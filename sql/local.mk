# sql
include sql/pgsql.mk
include sql/mysql.mk
