-- roles.sql - the agent's account in MariaDB, with the least privileges.
--
-- Change the account, the database (bank) and the way to log in as you need,
-- then run it as an administrator:  mariadb < roles.sql
--
-- The account is the agent's alone: when an agent starts it ends every session
-- of its account, so that nothing of an earlier run still works on a branch.
--
-- Nothing has to be granted for two-phase commit itself.  In MariaDB any
-- account may list, commit and roll back any prepared branch: give accounts on
-- this server only to those whom you trust with that.

CREATE ROLE IF NOT EXISTS txcoord_agent;

-- What branches may do; take away what yours need not.
GRANT SELECT, INSERT, UPDATE, DELETE, EXECUTE, CREATE TEMPORARY TABLES ON bank.* TO txcoord_agent;

-- Only where applications enlist connections of their own accounts: the agent
-- must be able to end such a session before it finishes its branch.
-- GRANT CONNECTION ADMIN ON *.* TO txcoord_agent;

-- Logs in through the server's socket as the system user of the same name.  For
-- a password instead:  IDENTIFIED BY '...'  here, and password_file there.
CREATE USER IF NOT EXISTS 'txagent'@'localhost' IDENTIFIED VIA unix_socket;
GRANT txcoord_agent TO 'txagent'@'localhost';
SET DEFAULT ROLE txcoord_agent FOR 'txagent'@'localhost';

-- In MySQL, whose roles and logins are spelled otherwise, the account also needs
-- GRANT XA_RECOVER_ADMIN ON *.* TO ...
