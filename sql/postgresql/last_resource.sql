-- The markers of a database that takes part as the last resource (last_resource = 1 in txagent.cfg): it prepares
-- nothing, so max_prepared_transactions may be 0.
--
--     psql -v agent=txagent -d bank -f last_resource.sql
--
-- Run it as a superuser, behind roles.sql, in the database of the resource manager.  It may be run again.
--
-- A branch commits together with a row of it; the row goes when the whole transaction has ended.  Rows that say
-- "aborted" keep a commit out that may still be under way, for seven days; "heuristic" remembers as long that an operator
-- had a transaction rolled back whose last resource had committed.  Never change it by hand: a committed row that
-- is lost before its time is a branch of which nobody knows that it committed.
\set ON_ERROR_STOP on
\if :{?agent}
\else
    \set agent txagent
\endif

CREATE SCHEMA IF NOT EXISTS txcoord;
CREATE TABLE IF NOT EXISTS txcoord.last_resource (
    gid text PRIMARY KEY,
    outcome text NOT NULL CHECK (outcome IN ('committed', 'aborted', 'heuristic')),
    xid xid8,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
GRANT USAGE ON SCHEMA txcoord TO :"agent";
GRANT SELECT, INSERT, UPDATE, DELETE ON txcoord.last_resource TO :"agent";
