"""A whole installation for tests and benchmarks: private PostgreSQL and MariaDB, a coordinator, two agents.

Everything lives in one temporary folder and on unix sockets in it; no service, no port, no file of the system's own
configuration is used.  Processes are ended by pid.  As root the databases run as their own users.
"""
import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time


class Failure(Exception):
    """A test's own verdict, or something that could not be started."""


def poll(condition, seconds, what):
    """Waits until condition() is true; a bounded wait for something that another process does."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"{what}: not within {seconds} s")
        time.sleep(0.02)


def _as_user(name):
    """Keyword arguments for a process of that user, if the caller is root."""
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam(name)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": [], "cwd": "/"}


class Process:
    """A child that is ended with the cluster, whatever happens."""

    def __init__(self, arguments, log, **options):
        self.log = log
        self.arguments = arguments
        with open(log, "ab") as out:
            self.child = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=out, stderr=out, **options)

    @property
    def pid(self):
        return self.child.pid

    def running(self):
        return self.child.poll() is None

    def signal(self, number):
        if self.running():
            os.kill(self.pid, number)

    def kill(self):
        if self.running():
            self.child.kill()
        self.child.wait()

    def stop(self, seconds=30):
        """SIGTERM, then the end; its exit status."""
        if self.running():
            self.child.send_signal(signal.SIGCONT)
            self.child.terminate()
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failure(f"{self.arguments[0]} did not stop within {seconds} s") from None


class Postgres:
    """One database server; its database is `bank`."""

    def __init__(self, folder, settings=()):
        self.bin = subprocess.check_output(["pg_config", "--bindir"], text=True).strip()
        self.folder = folder
        self.data = os.path.join(folder, "data")
        self.settings = ["listen_addresses=", f"unix_socket_directories={folder}", "max_connections=400",
                         "max_prepared_transactions=300", *settings]
        self.process = None
        self.user = _as_user("postgres")
        os.mkdir(folder)
        if self.user:
            os.chown(folder, self.user["user"], self.user["group"])
        os.chmod(folder, 0o755)
        self._run([f"{self.bin}/initdb", "-D", self.data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C"])

    def _run(self, arguments):
        done = subprocess.run(arguments, capture_output=True, text=True, **self.user)
        if done.returncode:
            raise Failure(f"{arguments[0]}: {done.stderr}")

    def start(self):
        options = [part for setting in self.settings for part in ("-c", setting)]
        self.process = Process([f"{self.bin}/postgres", "-D", self.data, *options],
                               os.path.join(os.path.dirname(self.folder), "postgres.log"), **self.user)
        poll(self._ready, 60, "PostgreSQL answers")

    def _ready(self):
        if not self.process.running():
            raise Failure("PostgreSQL ended at start: see postgres.log")
        return subprocess.run([f"{self.bin}/pg_isready", "-q", "-h", self.folder, "-U", "postgres"],
                              check=False).returncode == 0

    def kill(self):
        """kill -9 of the server and of every process of it."""
        children = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True,
                                  check=False).stdout.split()
        self.process.kill()
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)
        for child in children:
            poll(lambda pid=child: not os.path.exists(f"/proc/{pid}"), 30, "PostgreSQL's processes end")
        with contextlib.suppress(FileNotFoundError):
            os.remove(os.path.join(self.data, "postmaster.pid"))

    def stop(self):
        if self.process:
            self.process.child.send_signal(signal.SIGCONT)
            self.process.child.send_signal(signal.SIGINT)  # fast shutdown
            self.process.child.wait(60)

    def conninfo(self, user="postgres", database="bank"):
        return f"host={self.folder} user={user} dbname={database}"

    def psql(self, *arguments, database="bank"):
        done = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", *arguments,
                               self.conninfo(database=database)], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failure(f"psql: {done.stderr}")
        return done.stdout.strip()

    def rows(self, sql):
        return [line.split("|") for line in self.psql("-c", sql).splitlines()]

    def prepared(self):
        return int(self.psql("-c", "SELECT count(*) FROM pg_prepared_xacts"))


class MariaDb:
    """One database server; its database is `bank`."""

    def __init__(self, folder, options=()):
        self.folder = folder
        self.data = os.path.join(folder, "data")
        self.socket = os.path.join(folder, "sock")
        self.options = list(options)
        self.process = None
        self.user = _as_user("mysql")
        os.makedirs(self.data)
        if self.user:
            os.chown(folder, self.user["user"], self.user["group"])
            os.chown(self.data, self.user["user"], self.user["group"])
        os.chmod(folder, 0o755)
        name = ["--user=mysql"] if self.user else []
        done = subprocess.run(["mariadb-install-db", "--no-defaults", *name, f"--datadir={self.data}",
                               "--auth-root-authentication-method=normal", "--skip-test-db"],
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failure(f"mariadb-install-db: {done.stderr} {done.stdout}")

    def start(self):
        program = shutil.which("mariadbd") or "/usr/sbin/mariadbd"
        self.process = Process([program, "--no-defaults", f"--datadir={self.data}", f"--socket={self.socket}",
                                "--skip-networking", "--skip-log-bin", "--max-connections=400",
                                "--innodb-buffer-pool-size=256M", "--innodb-log-file-size=128M", *self.options],
                               os.path.join(os.path.dirname(self.folder), "mariadb.log"), **self.user)
        poll(self._ready, 60, "MariaDB answers")

    def _ready(self):
        if not self.process.running():
            raise Failure("MariaDB ended at start: see mariadb.log")
        return subprocess.run(["mariadb-admin", "--no-defaults", "-u", "root", "-S", self.socket, "ping"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0

    def kill(self):
        self.process.kill()

    def stop(self):
        if self.process:
            self.process.stop(60)

    def sql(self, sql, database="bank"):
        command = ["mariadb", "--no-defaults", "-u", "root", "-S", self.socket, "-N", "-B"]
        done = subprocess.run(command + ([database] if database else []), input=sql, capture_output=True, text=True,
                              check=False)
        if done.returncode:
            raise Failure(f"mariadb: {done.stderr}")
        return done.stdout.strip()

    def rows(self, sql):
        return [line.split("\t") for line in self.sql(sql).splitlines()]

    def prepared(self):
        return len(self.sql("XA RECOVER", database=None).splitlines())


class Cluster:
    """The whole of it.  Use as a context manager."""

    def __init__(self, build=None, source=None, agents=("pg", "my"), settings=None, keep=False):
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
        self.extra_environment = {}  # of the daemons
        self.postgres = self.mariadb = None
        self.endpoint = f"ipc://{self.folder}/txcoord.sock"

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *unused: sys.exit(143))  # so that nothing is left behind then, either
        return self

    def __exit__(self, *unused):
        for process in [*self.others, *self.processes.values()]:
            process.kill()
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
        libraries = os.path.join(self.build, "src/libtxcoord/.libs")
        return dict(os.environ, LD_LIBRARY_PATH=libraries + ":" + os.environ.get("LD_LIBRARY_PATH", ""))

    def txsql(self, *commands, keep_going=False):
        """Runs commands as a user would; exit status, what it said, its errors."""
        options = ["-k"] if keep_going else []
        done = subprocess.run([self.program("txsql"), "-C", self.endpoint, *options], text=True, capture_output=True,
                              input="\n".join(commands) + "\n", timeout=120, env=self.environment(), check=False)
        return done.returncode, done.stdout, done.stderr

    # --- databases

    def start_databases(self, rows=1000, balance=1000000):
        self.postgres = Postgres(self.path("pg"))
        self.mariadb = MariaDb(self.path("my"))
        self.postgres.start()
        self.mariadb.start()
        self.postgres.psql("-c", "CREATE DATABASE bank", database="postgres")
        sql = os.path.join(self.source, "sql")
        self.postgres.psql("-f", f"{sql}/postgresql/roles.sql")
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
        first = not os.path.isdir(self.path("log"))
        config = self.write("txcoord.cfg", f"""coordinator
    listen = "{self.endpoint}"
log
    folder = "{self.path("log")}"
{self.settings.get("log", "")}
session
    lease = {self.settings.get("lease", "5s")}
{self.settings.get("txcoord", "")}
""")
        if first:  # a group is formatted once, on purpose
            self._daemon("txcoord", ["--config", config, "--init"])
            if self.processes["txcoord"].child.wait(30) != 0:
                raise Failure(f"txcoord --init failed:\n{self.tail('txcoord')}")
        self._daemon("txcoord", ["--config", config, *options])

    def agent_config(self, kind):
        """The configuration of an agent: pg, my, mem (two in-memory resource managers), mem_a or mem_b (one of them)."""
        rms = {
            "pg": f"""    bank_pg
        plugin = pgsql
        connections = {self.settings.get("connections", 80)}
        lock_timeout = 5s
        conninfo = "{self.postgres.conninfo("txagent", self.database) if self.postgres else ""}"
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
        for one, names in {"mem": ("mem_a", "mem_b"), "mem_a": ("mem_a",), "mem_b": ("mem_b",)}.items():
            rms[one] = "".join(f"""    {name}
        plugin = mem
        connections = {self.settings.get("connections", 80)}
        max_branches = {self.settings.get("max_branches", self.settings.get("connections", 80))}
""" for name in names)
        plugins = ":".join(os.path.join(self.build, "plugins", name, ".libs") for name in ("pgsql", "mysql", "mem"))
        return f"""agent
    name = agent_{kind}
    bind = "{self.agent_endpoint(kind)}"
    coordinator = "{self.endpoint}"
    plugins = "{plugins}"
    inquiry = 500ms
    heartbeat = 300ms
    scan = {self.settings.get("scan", "1s")}
{self.settings.get("agent", "")}
journal
    folder = "{self.path(f"journal_{kind}")}"
rm
{rms[kind]}"""

    def start_agent(self, kind, *options):
        config = self.write(f"agent_{kind}.cfg", self.agent_config(kind))
        self._daemon(f"agent_{kind}", ["--config", config, *options], program="txagent")

    def _daemon(self, name, arguments, program=None):
        environment = self.environment() | self.extra_environment
        if "TXC_CRASH_HITS_FOLDER" in os.environ:
            environment["TXC_CRASH_HITS"] = os.path.join(os.environ["TXC_CRASH_HITS_FOLDER"], name)
        # Without libtool's wrapper the pid is the daemon's own from the start.
        program = self.program(program or name)
        real = os.path.join(os.path.dirname(program), ".libs", os.path.basename(program))
        self.processes[name] = Process([real if os.path.exists(real) else program, *arguments],
                                       self.path(f"{name}.log"), env=environment)

    def start_daemons(self):
        self.start_coordinator()
        for kind in self.agents:
            self.start_agent(kind)
        self.wait_ready()

    def restart(self, name, *options):
        if name == "txcoord":
            self.start_coordinator(*options)
        elif name == "postgres":
            self.postgres.start()
        elif name == "mariadb":
            self.mariadb.start()
        else:
            self.start_agent(name.removeprefix("agent_"), *options)

    def txctl(self, *arguments):
        done = subprocess.run([self.program("txctl"), "--coordinator", self.endpoint, *arguments],
                              capture_output=True, text=True, env=self.environment(), check=False)
        return done.returncode, done.stdout, done.stderr

    def agent_endpoint(self, kind):
        return f"ipc://{self.path(f'agent_{kind}.sock')}"

    def ask_agent(self, kind, *words):
        """An answer of an agent to txctl, parsed; {} if it gives none."""
        import json
        code, out, _ = self.txctl("--agent", self.agent_endpoint(kind), "--json", *words)
        return json.loads(out) if code == 0 else {}

    def wait_ready(self, seconds=60):
        """Until the coordinator leads and every agent's resource managers are up."""
        import json
        expected = sum(2 if kind == "mem" else 1 for kind in self.agents)

        def ready():
            for name, process in self.processes.items():
                if name.startswith(("txcoord", "agent_")) and not process.running():
                    raise Failure(f"{name} ended at start: see {process.log}:\n" + self.tail(name))
            code, out, _ = self.txctl("--json", "status")
            if code:
                return False
            rms = json.loads(out).get("rms", [])
            return len([rm for rm in rms if rm["up"]]) >= expected

        poll(ready, seconds, "the cluster is ready")

    def tail(self, name, lines=15):
        with open(self.path(f"{name}.log"), encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-lines:])
