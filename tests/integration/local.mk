# tests/integration
include tests/integration/pgsql.mk
include tests/integration/bank.mk
<<<<<<< HEAD
include tests/integration/coordinator.mk
=======
include tests/integration/mysql.mk
>>>>>>> f4127fb (Add the MariaDB resource manager, so that branches can run there)
