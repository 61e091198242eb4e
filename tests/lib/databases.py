"""Private PostgreSQL and MariaDB servers.  As root they run as their own users."""
import contextlib
import os
import shutil
import signal
import subprocess

from processes import Failure, Process, as_user, has_ended, poll


class Postgres:
    """One database server; its database is `bank`."""

    def __init__(self, folder, settings=()):
        self.bin = subprocess.check_output(["pg_config", "--bindir"], text=True).strip()
        self.folder = folder
        self.data = os.path.join(folder, "data")
        self.settings = ["listen_addresses=", f"unix_socket_directories={folder}", "max_connections=400",
                         "max_prepared_transactions=300", *settings]
        self.process = None
        self.user = as_user("postgres")
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

    def _children(self):
        return subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True,
                              check=False).stdout.split()

    def signal(self, number):
        """To the server and to every process of it; SIGSTOP reaches the one that starts others first."""
        self.process.signal(number)
        for child in self._children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), number)

    def kill(self):
        """kill -9 of the server and of every process of it."""
        children = self._children()
        self.process.kill()
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)
        for child in children:
            poll(lambda pid=child: has_ended(pid), 30, "PostgreSQL's processes end")
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
        done = subprocess.run([f"{self.bin}/psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", *arguments,
                               self.conninfo(database=database)], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failure(f"psql: {done.stderr}")
        return done.stdout.strip()

    def rows(self, sql):
        return [line.split("|") for line in self.psql("-c", sql).splitlines()]

    def prepared(self):
        """Branches that wait for their outcome; those of a last resource have committed, and wait with their markers."""
        if self.psql("-c", "SELECT to_regclass ('txcoord.last_resource') IS NOT NULL") == "t":
            return int(self.psql("-c", "SELECT count(*) FROM txcoord.last_resource WHERE outcome = 'committed'"))
        return int(self.psql("-c", "SELECT count(*) FROM pg_prepared_xacts"))


class MariaDb:
    """One database server; its database is `bank`."""

    def __init__(self, folder, options=()):
        self.folder = folder
        self.data = os.path.join(folder, "data")
        self.socket = os.path.join(folder, "sock")
        self.options = list(options)
        self.process = None
        self.user = as_user("mysql")
        # A server that starts removes what looks like a temporary table of its own: never in a folder of others.
        self.environment = dict(os.environ, TMPDIR=folder)
        os.makedirs(self.data)
        if self.user:
            os.chown(folder, self.user["user"], self.user["group"])
            os.chown(self.data, self.user["user"], self.user["group"])
        os.chmod(folder, 0o755)
        name = ["--user=mysql"] if self.user else []
        done = subprocess.run(["mariadb-install-db", "--no-defaults", *name, f"--datadir={self.data}",
                               "--auth-root-authentication-method=normal", "--skip-test-db"],
                              capture_output=True, text=True, check=False, env=self.environment)
        if done.returncode:
            raise Failure(f"mariadb-install-db: {done.stderr} {done.stdout}")

    def start(self):
        program = shutil.which("mariadbd") or "/usr/sbin/mariadbd"
        self.process = Process([program, "--no-defaults", f"--datadir={self.data}", f"--socket={self.socket}",
                                "--skip-networking", "--skip-log-bin", "--max-connections=400",
                                "--innodb-buffer-pool-size=256M", "--innodb-log-file-size=128M", *self.options],
                               os.path.join(os.path.dirname(self.folder), "mariadb.log"), env=self.environment,
                               **self.user)
        poll(self._ready, 60, "MariaDB answers")

    def _ready(self):
        if not self.process.running():
            raise Failure("MariaDB ended at start: see mariadb.log")
        return subprocess.run(["mariadb-admin", "--no-defaults", "-u", "root", "-S", self.socket, "ping"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0

    def kill(self):
        self.process.kill()

    def signal(self, number):
        self.process.signal(number)

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
