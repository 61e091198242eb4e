# plugins/pgsql
