-- bank.sql - the bank of the demonstration and of the tests, for MariaDB and MySQL.
--
-- The same tables as the PostgreSQL bank's.  A transfer changes one account in
-- each bank and writes its gtrid into both ledgers, so that afterwards anybody
-- can compare them.  Run it as an administrator:
--
--     mariadb < bank.sql
--     mariadb -e 'CALL bank.bank_fill (10000, 1000)'

CREATE DATABASE IF NOT EXISTS bank CHARACTER SET utf8mb4;
USE bank;

CREATE TABLE IF NOT EXISTS acct (
    id  INT NOT NULL PRIMARY KEY,
    bal BIGINT NOT NULL,
    CONSTRAINT acct_bal_not_negative CHECK (bal >= 0)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS ledger (
    gtrid   VARCHAR(64) NOT NULL PRIMARY KEY,
    from_id INT NOT NULL,
    to_id   INT NOT NULL,
    amount  BIGINT NOT NULL,
    at      TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT ledger_amount_positive CHECK (amount > 0)
) ENGINE = InnoDB;

DROP PROCEDURE IF EXISTS bank_fill;

DELIMITER //

-- Makes accounts 0 to n - 1 with the same balance and an empty ledger; what was there goes.
CREATE PROCEDURE bank_fill (n INT, balance BIGINT)
MODIFIES SQL DATA
BEGIN
    DECLARE i INT DEFAULT 0;
    START TRANSACTION;
    DELETE FROM ledger;
    DELETE FROM acct;
    WHILE i < n DO
        INSERT INTO acct (id, bal) VALUES (i, balance);
        SET i = i + 1;
    END WHILE;
    COMMIT;
END//

DELIMITER ;
