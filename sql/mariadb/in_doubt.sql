-- in_doubt.sql - what an operator asks about branches in doubt, for MariaDB.
--
-- Run it as an administrator:  mariadb < in_doubt.sql
--
--     CALL txcoord.in_doubt ();                     every prepared branch, by XID
--     SELECT * FROM txcoord.in_doubt_attached;      those that their session still holds, and since when
--     SELECT * FROM txcoord.in_doubt_detached;      those without a session: transaction, age, rows
--     SELECT * FROM txcoord.in_doubt_waits;         who waits for a branch without a session
--
-- The list of XIDs comes from XA RECOVER alone, which no view or cursor can
-- read; hence a procedure that shows it.  No table of the server joins an XID
-- with the transaction of a branch whose session is gone: the age and the rows
-- of in_doubt_detached help to tell which is which.  in_doubt_attached is empty
-- unless performance_schema=ON and its transaction instrument and consumer
-- events_transactions_current are on.
--
-- Never finish a branch from here by hand while its coordinator can be
-- repaired: txctl resolve records what was done.

CREATE DATABASE IF NOT EXISTS txcoord CHARACTER SET utf8mb4;
USE txcoord;

DELIMITER //

-- formatID, the lengths of gtrid and bqual, and the XID as XA COMMIT and XA ROLLBACK take it.
CREATE OR REPLACE PROCEDURE in_doubt ()
SQL SECURITY INVOKER
BEGIN
    XA RECOVER FORMAT = 'SQL';
END//

DELIMITER ;

CREATE OR REPLACE VIEW in_doubt_attached AS
SELECT e.XID_FORMAT_ID AS format_id, e.XID_GTRID AS gtrid, e.XID_BQUAL AS bqual, t.PROCESSLIST_ID AS session,
       t.PROCESSLIST_USER AS user, t.PROCESSLIST_HOST AS host, e.TIMER_WAIT DIV 1000000000000 AS age_s
FROM performance_schema.events_transactions_current e JOIN performance_schema.threads t ON t.THREAD_ID = e.THREAD_ID
WHERE e.XA_STATE = 'PREPARED';

-- No session (0): prepared (or being rolled back), and the session ended or the server was started anew since.
CREATE OR REPLACE VIEW in_doubt_detached AS
SELECT trx_id, trx_started AS started, TIMESTAMPDIFF(SECOND, trx_started, NOW()) AS age_s, trx_rows_locked AS rows_locked,
       trx_rows_modified AS rows_modified
FROM information_schema.INNODB_TRX
WHERE trx_mysql_thread_id = 0 AND trx_id <> 0;

CREATE OR REPLACE VIEW in_doubt_waits AS
SELECT w.blocking_trx_id AS branch_trx_id, r.trx_mysql_thread_id AS waiting_session,
       TIMESTAMPDIFF(SECOND, r.trx_wait_started, NOW()) AS waits_s, l.lock_table AS waits_for_table,
       l.lock_index AS waits_for_index, r.trx_query AS waiting_statement
FROM information_schema.INNODB_LOCK_WAITS w
JOIN information_schema.INNODB_TRX b ON b.trx_id = w.blocking_trx_id
JOIN information_schema.INNODB_TRX r ON r.trx_id = w.requesting_trx_id
JOIN information_schema.INNODB_LOCKS l ON l.lock_id = w.requested_lock_id
WHERE b.trx_mysql_thread_id = 0;
