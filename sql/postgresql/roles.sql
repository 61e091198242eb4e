-- The role under which txagent works on a PostgreSQL database, with the least privileges.
--
--     psql -v agent=txagent -d bank -f roles.sql
--
-- Run it as a superuser, in the database of the resource manager, once for
-- each database.  It may be run again.  Then set a password (\password txagent)
-- or another way to authenticate in pg_hba.conf, and grant the role what the
-- applications' own statements need, as bank.sql does for its tables.
--
-- Why so little is enough:
--   PREPARE TRANSACTION                 needs no privilege
--   COMMIT PREPARED, ROLLBACK PREPARED  only the role that prepared the branch (or a superuser) may run them: use one
--                                       role for a resource manager, and do not change it while branches are in doubt
--   pg_prepared_xacts, pg_xact_status   anybody may read them
--   pg_control_system, pg_walfile_name  likewise
--   pg_terminate_backend                a role may end its own sessions: enough to fence the agent's
\set ON_ERROR_STOP on
\if :{?agent}
\else
    \set agent txagent
\endif

SELECT format('CREATE ROLE %I', :'agent')
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'agent') \gexec

ALTER ROLE :"agent" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
SELECT format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), :'agent') \gexec

-- What would break the agent's promises if it came from the server's defaults.
ALTER ROLE :"agent" SET synchronous_commit = on;               -- a branch committed in one phase is on disk
ALTER ROLE :"agent" SET default_transaction_read_only = off;
ALTER ROLE :"agent" SET idle_in_transaction_session_timeout = 0; -- a branch waits for its next statement

-- Applications that prepare branches on their own connections (txc_enlist_pg): the agent must see and end their sessions.
-- And it must be able to finish what they have prepared, which only its owner may: so it is given the application's role.
--     psql -v agent=txagent -v enlist=1 -v app=shop -d bank -f roles.sql
-- (Or the other way round, GRANT txagent TO shop, without app=: the library then prepares and finishes branches as the agent's
-- role; that takes it three statements more, and gives the application every right that the agent has.)
\if :{?enlist}
    GRANT pg_signal_backend, pg_read_all_stats TO :"agent";
\endif
\if :{?app}
    GRANT :"app" TO :"agent";
\endif
