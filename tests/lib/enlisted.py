"""The bank on applications' own connections, while the application or a server dies or stops: for tests/integration/enlist,
whose load enlists them, and tests/integration/tx_connections, whose load is a program of tx.h."""
import os
import signal
import time

from bank import ACCOUNTS, Bank
from cluster import poll
from processes import Process

VERBS = ("BEGIN", "PREPARE TRANSACTION", "COMMIT PREPARED", "ROLLBACK PREPARED", "COMMIT", "ROLLBACK", "SELECT pg_catalog.current",
         "XA START", "XA END", "XA PREPARE", "XA COMMIT", "XA ROLLBACK")


def configuration(cluster, more="", rms="", name="tx.cfg", user="app"):
    """What a program of tx.h finds in its environment: a configuration with both banks; more: other lines, rms: other
    resource managers."""
    return {"TXCOORD_TX_CONFIG": cluster.write(name, f"""coordinator = "{cluster.endpoint}"
outcome_wait = 20s
{more}
rm
{rms}    bank_pg
        kind = pgsql
        conninfo = "{cluster.postgres.conninfo(user)}"
    bank_my
        kind = mysql
        socket = "{cluster.mariadb.socket}"
        user = {user}
        database = {cluster.database}
""")}


class EnlistBank(Bank):
    """The load of bank_enlist, or of bank_tx, instead of bank_load's."""

    def __init__(self, cluster, threads, program="bank_enlist"):
        super().__init__(cluster, threads)
        self.program = program
        self.crash = ""

    def arguments(self):
        """What the program is told, and what of it by its environment."""
        common = [self._path(self.runs), str(self.threads), str(ACCOUNTS), str(self.runs)]
        if self.program == "bank_tx":
            return common, configuration(self.cluster)
        return [self.cluster.endpoint, *common, self.cluster.postgres.conninfo("app"), self.cluster.mariadb.socket, "app"], {}

    def start_load(self):
        self.runs += 1
        where = os.path.join(self.cluster.build, "tests/integration")
        real = os.path.join(where, ".libs", self.program)
        arguments, told = self.arguments()
        environment = self.cluster.environment() | {"BANK_ENLIST_CRASH": self.crash, "BANK_ENLIST_VERBOSE": "1"} | told
        program = real if os.path.exists(real) else os.path.join(where, self.program)
        self.load = Process([program, *arguments], self.cluster.path("load.log"), env=environment)
        self.cluster.others = [self.load]


def accounts(cluster):
    """The application's accounts are its own, and the agents' may do no more than sql/ says."""
    sql = os.path.join(cluster.source, "sql/postgresql/roles.sql")
    cluster.postgres.psql("-c", "CREATE ROLE app LOGIN; CREATE ROLE member LOGIN NOINHERIT; CREATE ROLE stranger LOGIN;"
                          "GRANT txagent TO member;"
                          "GRANT SELECT, INSERT, UPDATE, DELETE ON acct, ledger TO app, member, stranger")
    cluster.postgres.psql("-v", "enlist=1", "-v", "app=app", "-f", sql)
    cluster.mariadb.sql("CREATE USER app@localhost; GRANT SELECT, INSERT, UPDATE, DELETE ON bank.* TO app@localhost;"
                        "GRANT CONNECTION ADMIN ON *.* TO txagent@localhost", database=None)


def state(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return file.read().rsplit(")", 1)[1].split()[0]


def crash(bank, cell, rng):
    """The application dies, or stops for longer than its agents wait for it."""
    how, where, verb = cell.split(" ", 2)
    bank.crash = f"{how} {where} {rng.randint(1, 15)} {verb}"
    bank.start_load()
    bank.crash = ""
    if how == "kill":
        poll(lambda: not bank.load.running(), 60, f"{cell} is hit")
        prepared = bank.prepared()
        bank.start_load()
    else:
        poll(lambda: not bank.load.running() or state(bank.load.pid) == "T", 60, f"{cell} is hit")
        prepared = bank.prepared()
        time.sleep(rng.choice((0.5, 5)))  # the agents' patience is 3 s
        os.kill(bank.load.pid, signal.SIGCONT)
    bank.await_progress(10)
    bank.stop_load()
    return prepared


def kill(bank, cell, rng):
    """A server dies while the application goes on."""
    name = cell.split()[0]
    bank.start_load()
    bank.await_progress(rng.randint(5, 60))
    victim = {"postgres": bank.cluster.postgres, "mariadb": bank.cluster.mariadb}.get(name) or bank.cluster.processes[name]
    victim.kill()
    prepared = bank.prepared()
    bank.cluster.restart(name)
    bank.cluster.wait_ready()
    bank.await_progress(10)
    bank.stop_load()
    return prepared


def asleep(bank, _cell, _rng):
    """The application stops between its votes and their outcomes, and an agent is started anew meanwhile: only the agent's journal
    says whose session holds the branches that MariaDB lists."""
    cluster = bank.cluster
    bank.start_load()
    bank.await_progress(10)
    cluster.processes["txcoord"].signal(signal.SIGSTOP)  # every thread comes to a commit that nobody answers

    def is_known():
        listed = cluster.mariadb.prepared()
        return listed > 0 and cluster.ask_agent("my", "status").get("counters", {}).get("prepared", 0) >= listed

    poll(is_known, 60, "the agent hears of branches that their owner has prepared")
    bank.load.signal(signal.SIGSTOP)
    prepared = cluster.mariadb.prepared()
    cluster.processes["agent_my"].kill()
    cluster.restart("agent_my")
    cluster.processes["txcoord"].signal(signal.SIGCONT)
    poll(lambda: cluster.mariadb.prepared() == 0, 60, "MariaDB's branches end while their owner sleeps")
    bank.load.signal(signal.SIGCONT)
    bank.await_progress(10)
    bank.stop_load()
    return prepared
