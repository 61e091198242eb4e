"""The bank on applications' own connections, while the application or a server dies or stops: for tests/integration/enlist and
enlist_crash, whose load enlists them, tests/integration/tx_connections, whose load is a program of tx.h, and others that run
such a load beside that of bank_load."""
import os
import signal
import time

from bank import ACCOUNTS, Bank
from cluster import poll
from processes import Process

LOADS = ("executed", "enlisted", "mixed")
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

    def __init__(self, cluster, threads, program="bank_enlist", mode="2pc", mix="any", role="app"):
        super().__init__(cluster, threads, mode)
        self.program = program
        self.mix = "my" if cluster.settings.get("last_resource") else mix
        self.role = role
        self.crash = ""  # of the next load: what happens, at which step of the library (bank_crash.h)
        self.victims = ""  # and to whom; "": to itself

    def arguments(self, threads):
        """What the program is told, and what of it by its environment."""
        common = [self._path(self.runs), str(threads), str(ACCOUNTS), str(self.runs)]
        if self.program == "bank_tx":
            return common, configuration(self.cluster)
        return [self.cluster.endpoint, *common, self.cluster.postgres.conninfo(self.role), self.cluster.mariadb.socket, "app",
                self.mix, self.mode], {}

    def start_program(self, threads):
        """A run of it; its process."""
        where = os.path.join(self.cluster.build, "tests/integration")
        real = os.path.join(where, ".libs", self.program)
        arguments, told = self.arguments(threads)
        environment = self.cluster.environment() | {"BANK_ENLIST_CRASH": self.crash, "BANK_ENLIST_VICTIMS": self.victims,
                                                    "BANK_ENLIST_VERBOSE": "1"} | told
        program = real if os.path.exists(real) else os.path.join(where, self.program)
        return Process([*self.cluster.outside(), program, *arguments], self.cluster.path("load.log"), env=environment)

    def start_load(self):
        self.runs += 1
        self.load = self.start_program(self.threads)
        self.cluster.others = [self.load]

    def start_with(self, crash, victims=""):
        """A load with a crash point of its own."""
        self.crash, self.victims = crash, victims
        self.start_load()
        self.crash = self.victims = ""


class Both:
    """Two processes that are started and ended together."""

    def __init__(self, *processes):
        self.processes = processes

    def running(self):
        return any(process.running() for process in self.processes)

    def signal(self, number):
        for process in self.processes:
            process.signal(number)

    def kill(self):
        for process in self.processes:
            process.kill()

    def stop(self, seconds=30):
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        return max((process.stop(seconds) for process in self.processes), key=abs)


class MixedBank(EnlistBank):
    """Transactions of all kinds at once: agent-executed, enlisted, and of both kinds of branches.  Each start is two
    runs: bank_load's, and bank_enlist's behind it."""

    def start_load(self):
        threads, self.threads = self.threads, self.threads // 2
        super(EnlistBank, self).start_load()
        executed = self.load
        self.runs += 1
        self.load = Both(executed, self.start_program(threads - self.threads))
        self.threads = threads
        self.cluster.others = [self.load]

    def _sources(self):
        return [source for source in (self.read_history(self.runs - 1), self.read_history()) if source]

    def count(self):
        return sum(source.commits for source in self._sources()) if self.runs else 0

    def told_in_run(self):
        told = [self.history.count(source) for source in self._sources()]
        return {key: sum(one[key] for one in told) for key in ("committed", "rolled_back", "unknown")}


def accounts(cluster):
    """The application's accounts are its own, and the agents' may do no more than sql/ says."""
    sql = os.path.join(cluster.source, "sql/postgresql/roles.sql")
    cluster.postgres.psql("-c", "CREATE ROLE app LOGIN; CREATE ROLE member LOGIN NOINHERIT; CREATE ROLE stranger LOGIN;"
                          "CREATE ROLE tenant; GRANT txagent TO member; GRANT tenant TO app, member;"
                          "GRANT SELECT, INSERT, UPDATE, DELETE ON acct, ledger TO app, member, stranger, tenant")
    cluster.postgres.psql("-v", "enlist=1", "-v", "app=app", "-f", sql)
    cluster.mariadb.sql("CREATE USER app@localhost; GRANT SELECT, INSERT, UPDATE, DELETE ON bank.* TO app@localhost;"
                        "GRANT CONNECTION ADMIN ON *.* TO txagent@localhost", database=None)


def bank_for(cluster, threads, mode="2pc", load="executed"):
    """The bank with that load; when the databases run and before the daemons are started.  load: executed (bank_load),
    enlisted (bank_enlist), mixed (both, and transactions with both kinds of branches)."""
    if load == "executed":
        return Bank(cluster, threads, mode)
    accounts(cluster)
    return (EnlistBank if load == "enlisted" else MixedBank)(cluster, threads, mode=mode)


def is_stopped(pid):
    """Whether SIGSTOP has reached it."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return file.read().rsplit(")", 1)[1].split()[0] == "T"


def crash(bank, cell, rng):
    """The application dies, or stops for longer than its agents wait for it."""
    how, where, verb = cell.split(" ", 2)
    bank.start_with(f"{how} {where} {rng.randint(1, 15)} {verb}")
    if how == "kill":
        poll(lambda: not bank.load.running(), 60, f"{cell} is hit")
        prepared = bank.prepared()
        bank.start_load()
    else:
        poll(lambda: not bank.load.running() or is_stopped(bank.load.pid), 60, f"{cell} is hit")
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
