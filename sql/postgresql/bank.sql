-- The bank of demo, tests and benchmarks: accounts, and a ledger with a row for each global transaction that moved money.
--
--     psql -v agent=txagent -v rows=10000 -v balance=1000 -d bank -f bank.sql
--
-- It drops an older bank.  agent: gets what the transfers need.
\set ON_ERROR_STOP on
\if :{?rows}
\else
    \set rows 10000
\endif
\if :{?balance}
\else
    \set balance 1000
\endif

BEGIN;
DROP TABLE IF EXISTS acct, ledger;
CREATE TABLE acct (
    id int PRIMARY KEY,
    bal bigint NOT NULL CHECK (bal >= 0)
) WITH (fillfactor = 50); -- room for new versions of a row beside it
CREATE TABLE ledger (
    gtrid text PRIMARY KEY,
    from_id int NOT NULL,
    to_id int NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO acct SELECT id, :balance FROM generate_series(0, :rows - 1) AS id;
\if :{?agent}
    GRANT SELECT, INSERT, UPDATE, DELETE ON acct, ledger TO :"agent";
\endif
COMMIT;
ANALYZE acct;
