# plugins/mysql
