# What a database administrator runs in MariaDB and MySQL.
mariadbsqldir = $(pkgdatadir)/sql/mariadb
dist_mariadbsql_DATA = sql/mariadb/bank.sql sql/mariadb/in_doubt.sql sql/mariadb/roles.sql
