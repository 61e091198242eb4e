"""The bank under load: transfers with ledgers on both sides, and the outcomes that the clients were told."""
import os
import time

from processes import Failure, Process, poll

ACCOUNTS, BALANCE = 200, 1000000
CLEAN_WITHIN = 30
COMMITTED, ROLLED_BACK, MIXED, HAZARD = 0, 1, 2, 3


class Bank:
    """What bank_load does to the two banks of a cluster, and what must be true of them afterwards."""

    def __init__(self, cluster, threads):
        self.cluster = cluster
        self.threads = threads
        self.load = None
        self.runs = 0
        self.committed = 0

    def start_load(self):
        self.runs += 1
        outcomes = self.cluster.path(f"outcomes.{self.runs}")
        program = os.path.join(self.cluster.build, "tests/integration/bank_load")
        real = os.path.join(self.cluster.build, "tests/integration/.libs/bank_load")
        self.load = Process([*self.cluster.outside(), real if os.path.exists(real) else program, self.cluster.endpoint,
                             outcomes, str(self.threads), str(ACCOUNTS), str(self.runs)], self.cluster.path("load.log"),
                            env=self.cluster.environment())
        self.cluster.others = [self.load]

    def stop_load(self, kill=False):
        if kill:
            self.load.kill()
            return
        status = self.load.stop(120)
        if status != 0:
            raise Failure(f"bank_load ended with {status}: {self.cluster.tail('load')}")

    def prepared(self):
        """Branches prepared in the servers that run."""
        count = 0
        for server in (self.cluster.postgres, self.cluster.mariadb):
            try:
                count += server.prepared()
            except Failure:
                pass  # this one is the victim
        return count

    def count(self):
        """Transfers that this run of the load was told to be committed."""
        outcomes = self.cluster.path(f"outcomes.{self.runs}")
        if not os.path.exists(outcomes):
            return 0  # it has just been started
        with open(outcomes, encoding="utf-8") as file:
            return sum(line.endswith(f" {COMMITTED} t\n") for line in file)

    def await_progress(self, commits, seconds=CLEAN_WITHIN):
        """Until so many more were told; returns how long it took."""
        began = time.monotonic()
        wanted = self.count() + commits
        poll(lambda: self.count() >= wanted, seconds, f"{commits} more transfers commit")
        return time.monotonic() - began

    def told_in(self, name, told):
        """Adds what every client was told, as one file has it."""
        with open(self.cluster.path(name), encoding="utf-8") as file:
            for line in file:
                if not line.endswith("\n"):
                    continue  # the client was killed while it wrote
                gtrid, code, kind = line.split()
                if told.setdefault(gtrid, (int(code), kind)) != (int(code), kind):
                    raise Failure(f"{gtrid}: told {told[gtrid]} and {code}")
        return told

    def told(self):
        """What every client was told, of all runs: {gtrid: (code, kind)}."""
        told = {}
        for name in sorted(os.listdir(self.cluster.folder)):
            if name.startswith("outcomes."):
                self.told_in(name, told)
        return told

    def told_in_run(self):
        return self.told_in(f"outcomes.{self.runs}", {})

    def check(self, row=None):
        """Everything is clean: within the bound, without an operator.  Returns how long it took.  row, if given, gets
        the counts of what may not be: `in_doubt`, `torn`, `false`."""
        began = time.monotonic()
        row = {} if row is None else row
        row.update(in_doubt=self.prepared(), torn=0, false=0)
        poll(lambda: self.prepared() == 0, CLEAN_WITHIN, f"nothing is prepared any more (there were {row['in_doubt']})")
        row["in_doubt"] = 0
        took = time.monotonic() - began
        pg = {gtrid for gtrid, in self.cluster.postgres.rows("SELECT gtrid FROM ledger")}
        my = {gtrid for gtrid, in self.cluster.mariadb.rows("SELECT gtrid FROM ledger")}
        row["torn"] = len(pg ^ my)
        if row["torn"]:
            raise Failure(f"TORN: only in PostgreSQL {sorted(pg - my)[:5]}, only in MariaDB {sorted(my - pg)[:5]}")
        self._check_money()
        lies = [f"{gtrid}: told {code}, but {'' if gtrid in pg else 'not '}committed"
                for gtrid, (code, kind) in self.told().items()
                if code in (MIXED, HAZARD) or code == ROLLED_BACK and gtrid in pg
                or code == COMMITTED and kind == "t" and gtrid not in pg]
        row["false"] = len(lies)
        if lies:
            raise Failure(f"{len(lies)} false outcomes: {lies[:5]}")
        self.committed = len(pg)
        return took

    def _check_money(self):
        moved = int(self.cluster.postgres.psql("-c", "SELECT coalesce (sum (amount), 0) FROM ledger"))
        pg = int(self.cluster.postgres.psql("-c", "SELECT sum(bal) FROM acct"))
        my = int(self.cluster.mariadb.sql("SELECT sum(bal) FROM acct"))
        if pg != ACCOUNTS * BALANCE - moved or my != ACCOUNTS * BALANCE + moved:
            raise Failure(f"money is not conserved: {pg} + {my}, moved {moved}")
