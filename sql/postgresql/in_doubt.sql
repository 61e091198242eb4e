-- Branches in doubt (prepared, outcome not yet known here), and who waits behind them.
--
--     psql -d bank -f in_doubt.sql
--     SELECT * FROM txcoord.in_doubt;
--     SELECT * FROM txcoord.in_doubt_waiters;
--
-- pg_blocking_pids tells 0 for a prepared transaction, since it has no
-- session.  Its locks are still listed, under the virtual transaction that
-- also holds its transaction id.
\set ON_ERROR_STOP on

CREATE SCHEMA IF NOT EXISTS txcoord;

CREATE OR REPLACE VIEW txcoord.in_doubt_waiters AS
WITH locks AS MATERIALIZED (SELECT * FROM pg_locks)
SELECT DISTINCT prepared.gid,
       waiter.pid,
       activity.usename AS role,
       activity.application_name,
       clock_timestamp() - activity.query_start AS waiting,
       waiter.locktype,
       waiter.relation::regclass AS relation,
       activity.query
  FROM pg_prepared_xacts AS prepared
  JOIN locks AS id ON id.locktype = 'transactionid' AND id.transactionid = prepared.transaction
                  AND id.granted AND id.pid IS NULL
  JOIN locks AS holder ON holder.virtualtransaction = id.virtualtransaction AND holder.granted AND holder.pid IS NULL
  JOIN locks AS waiter ON NOT waiter.granted
                      AND (waiter.locktype, waiter.database, waiter.relation, waiter.page, waiter.tuple, waiter.virtualxid,
                           waiter.transactionid, waiter.classid, waiter.objid, waiter.objsubid)
                      IS NOT DISTINCT FROM
                          (holder.locktype, holder.database, holder.relation, holder.page, holder.tuple, holder.virtualxid,
                           holder.transactionid, holder.classid, holder.objid, holder.objsubid)
  LEFT JOIN pg_stat_activity AS activity ON activity.pid = waiter.pid;

CREATE OR REPLACE VIEW txcoord.in_doubt AS
SELECT prepared.gid,
       split_part(prepared.gid, ':', 1) AS gtrid,
       split_part(prepared.gid, ':', 2) AS bqual,
       clock_timestamp() - prepared.prepared AS age,
       prepared.owner,
       prepared.database,
       (SELECT count(DISTINCT waiter.pid) FROM txcoord.in_doubt_waiters AS waiter WHERE waiter.gid = prepared.gid)
           AS waiters
  FROM pg_prepared_xacts AS prepared
 ORDER BY prepared.prepared;

COMMENT ON VIEW txcoord.in_doubt IS 'prepared branches with their age; txctl show GTRID tells what each waits for';
COMMENT ON VIEW txcoord.in_doubt_waiters IS 'sessions that wait for a lock of a prepared branch';
GRANT USAGE ON SCHEMA txcoord TO PUBLIC;
GRANT SELECT ON txcoord.in_doubt, txcoord.in_doubt_waiters TO PUBLIC;
