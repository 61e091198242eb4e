"""A whole installation for tests and benchmarks: private PostgreSQL and MariaDB, a coordinator, two agents.

Everything lives in one temporary folder and on unix sockets in it, or in network namespaces of its own; no service, no
port, no file of the system's own configuration is used.  Processes are ended by pid.  As root the databases run as
their own users.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

from databases import MariaDb, Postgres
from group import Group
from processes import Failure, Process, poll

__all__ = ["Cluster", "Failure", "Process", "poll"]


class Cluster:
    """The whole of it.  Use as a context manager."""

    def __init__(self, build=None, source=None, agents=("pg", "my"), settings=None, keep=False, replicas=1, network=None):
        """replicas: how many coordinators; network: the namespaces they run in (network.py), if not in the test's own."""
        here = os.path.dirname(os.path.abspath(__file__))
        self.source = source or os.path.dirname(os.path.dirname(here))
        self.build = os.path.abspath(build or os.environ.get("TXC_BUILD", "."))
        self.folder = tempfile.mkdtemp(prefix="txc.", dir=os.environ.get("TMPDIR", "/tmp"))
        os.chmod(self.folder, 0o755)
        self.agents = agents
        self.keep = keep
        self.settings = settings or {}
        self.database = self.settings.get("database", "bank")
        self.processes = {}
        self.others = []  # processes of a test's own that end with the cluster
        self.sections = {}  # of agents that a test makes up: kind -> its resource managers
        self.extra_environment = {}  # of the daemons
        self.postgres = self.mariadb = None
        self.network = network
        self.disks = None  # those of the replicas (disks.py), if a test has them
        self.group = Group(self, replicas, network)
        self.endpoint = self.group.endpoints()  # of the coordinator, for applications and agents

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *unused: sys.exit(143))  # so that nothing is left behind then, either
        return self

    def __exit__(self, *unused):
        for process in [*self.others, *self.processes.values()]:
            process.kill()
        if self.disks:
            self.disks.remove()
        if self.network:
            self.network.remove()
        for server in (self.postgres, self.mariadb):
            if server and server.process:
                server.kill()
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def program(self, name):
        """A program of the build tree, without libtool's wrapper where there is one."""
        where = {"txcoord": "src/txcoord", "txagent": "src/txagent", "txctl": "src/txctl", "txsql": "src/txsql"}
        return os.path.join(self.build, where.get(name, os.path.dirname(name)), os.path.basename(name))

    def environment(self):
        # Programs are libtool's wrappers or link the library of the build tree.
        libraries = ":".join(os.path.join(self.build, f"src/{name}/.libs") for name in ("libtxcoord", "libtxcoord-tx"))
        return dict(os.environ, LD_LIBRARY_PATH=libraries + ":" + os.environ.get("LD_LIBRARY_PATH", ""))

    def outside(self):
        """What a command line begins with that runs where applications and agents do."""
        return self.network.inside("hub") if self.network else []

    def tool(self, name, *arguments, text=""):
        """Runs txctl or txsql; exit status, what it said, its errors."""
        done = subprocess.run([*self.outside(), self.program(name), *arguments], text=True, capture_output=True, input=text,
                              timeout=120, env=self.environment(), check=False)
        return done.returncode, done.stdout, done.stderr

    def txctl(self, *arguments):
        return self.tool("txctl", "--coordinator", self.endpoint, *arguments)

    def txsql(self, *commands, keep_going=False):
        """Runs commands as a user would."""
        options = ["-k"] if keep_going else []
        return self.tool("txsql", "-C", self.endpoint, *options, text="\n".join(commands) + "\n")

    # --- databases

    def start_databases(self, rows=1000, balance=1000000):
        last = bool(self.settings.get("last_resource"))
        self.postgres = Postgres(self.path("pg"), ["max_prepared_transactions=0"] if last else ())
        self.mariadb = MariaDb(self.path("my"))
        self.postgres.start()
        self.mariadb.start()
        self.postgres.psql("-c", "CREATE DATABASE bank", database="postgres")
        sql = os.path.join(self.source, "sql")
        self.postgres.psql("-f", f"{sql}/postgresql/roles.sql")
        if last:
            self.postgres.psql("-f", f"{sql}/postgresql/last_resource.sql")
        self.postgres.psql("-v", "agent=txagent", "-v", f"rows={rows}", "-v", f"balance={balance}",
                           "-f", f"{sql}/postgresql/bank.sql")
        with open(f"{sql}/mariadb/bank.sql", encoding="utf-8") as file:
            self.mariadb.sql(file.read(), database=None)
        self.mariadb.sql(f"CALL bank_fill ({rows}, {balance})")
        self.mariadb.sql("CREATE USER txagent@localhost; GRANT ALL ON bank.* TO txagent@localhost;"
                         "GRANT PROCESS ON *.* TO txagent@localhost", database=None)

    # --- daemons

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def start_coordinator(self, *options):
        """The one replica of a group of one."""
        self.group.start(1, *options)

    def agent_config(self, kind):
        """The configuration of an agent: pg, my, both (of these), mem (two in-memory resource managers), mem_a or mem_b."""
        rms = {
            "pg": f"""    bank_pg
        plugin = pgsql
        connections = {self.settings.get("connections", 80)}
        lock_timeout = 5s
        conninfo = "{self.postgres.conninfo("txagent", self.database) if self.postgres else ""}"
        last_resource = {int(bool(self.settings.get("last_resource")))}
""",
            "my": f"""    bank_my
        plugin = mysql
        connections = {self.settings.get("connections", 80)}
        lock_timeout = 5s
        socket = "{self.mariadb.socket if self.mariadb else ""}"
        user = txagent
        database = {self.database}
""",
        }
        rms["both"] = rms["pg"] + rms["my"]
        for one, names in {"mem": ("mem_a", "mem_b"), "mem_a": ("mem_a",), "mem_b": ("mem_b",)}.items():
            rms[one] = "".join(f"""    {name}
        plugin = mem
        connections = {self.settings.get("connections", 80)}
        max_branches = {self.settings.get("max_branches", self.settings.get("connections", 80))}
""" for name in names)
        rms |= self.sections
        plugins = ":".join(os.path.join(self.build, "plugins", name, ".libs") for name in ("pgsql", "mysql", "mem", "xa"))
        return f"""agent
    name = agent_{kind}
{self.agent_binds(kind)}
{self.group.coordinator_lines()}
    plugins = "{plugins}"
    inquiry = 500ms
    heartbeat = 300ms
    scan = {self.settings.get("scan", "1s")}
{self.settings.get("agent", "")}
{self.settings.get(f"agent_{kind}", "")}
journal
    folder = "{self.journal(kind)}"
rm
{rms[kind]}"""

    def start_agent(self, kind, *options):
        config = self.write(f"agent_{kind}.cfg", self.agent_config(kind))
        self.start_daemon(f"agent_{kind}", ["--config", config, *options], program="txagent", prefix=self.outside())

    def start_daemon(self, name, arguments, program, prefix=()):
        environment = self.environment() | self.extra_environment
        if "TXC_CRASH_HITS_FOLDER" in os.environ:
            environment["TXC_CRASH_HITS"] = os.path.join(os.environ["TXC_CRASH_HITS_FOLDER"], name)
        # Without libtool's wrapper the pid is the daemon's own from the start.
        program = self.program(program)
        real = os.path.join(os.path.dirname(program), ".libs", os.path.basename(program))
        self.processes[name] = Process([*prefix, real if os.path.exists(real) else program, *arguments],
                                       self.path(f"{name}.log"), env=environment)

    def start_daemons(self):
        self.group.start_all()
        for kind in self.agents:
            self.start_agent(kind)
        self.wait_ready()

    def restart(self, name, *options):
        if name.startswith("txcoord"):
            self.group.start(self.group.number(name), *options)
        elif name == "postgres":
            self.postgres.start()
        elif name == "mariadb":
            self.mariadb.start()
        else:
            self.start_agent(name.removeprefix("agent_"), *options)

    def journal(self, kind):
        """The folder of an agent's journal."""
        return self.path(f"journal_{kind}")

    def agent_endpoint(self, kind):
        """Where the test itself reaches the agent; and everybody else, unless the network has addresses for agents."""
        return f"ipc://{self.path(f'agent_{kind}.sock')}"

    def agent_binds(self, kind):
        """The lines of an agent's configuration that say where it is reached."""
        lines = [f'bind = "{self.agent_endpoint(kind)}"']
        if hasattr(self.network, "agent_endpoint"):
            lines += [f'bind = "{self.network.listens(kind)}"', f'advertise = "{self.network.agent_endpoint(kind)}"']
        return "\n".join(f"    {line}" for line in lines)

    def ask_agent(self, kind, *words):
        """An answer of an agent to txctl, parsed; {} if it gives none."""
        code, out, _ = self.txctl("--agent", self.agent_endpoint(kind), "--json", *words)
        return json.loads(out) if code == 0 else {}

    def wait_ready(self, seconds=60):
        """Until the coordinator leads and every agent's resource managers are up."""
        expected = sum(2 if kind in ("mem", "both") else 1 for kind in self.agents)

        def ready():
            for name, process in self.processes.items():
                if name.startswith(("txcoord", "agent_")) and name not in self.group.dead and not process.running():
                    raise Failure(f"{name} ended at start: see {process.log}:\n" + self.tail(name))
            leader = self.group.find_leader()
            rms = self.group.status(leader).get("rms", []) if leader else []
            return len([rm for rm in rms if rm["up"]]) >= expected

        poll(ready, seconds, "the cluster is ready")

    def tail(self, name, lines=15):
        with open(self.path(f"{name}.log"), encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-lines:])
