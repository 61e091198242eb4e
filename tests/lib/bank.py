"""The bank under load: transfers with ledgers on both sides, and the history of what the clients called and were told."""
import os
import random
import subprocess
import time

from history import BANKS, History
from processes import Failure, Process, poll

ACCOUNTS, BALANCE = 200, 1000000
CLEAN_WITHIN = 30
ASKED_AT_THE_END = 8  # transactions, and those whose clients died


class Bank:
    """What bank_load does to the two banks of a cluster, and what must be true of them afterwards."""

    def __init__(self, cluster, threads, mode="2pc"):
        self.cluster = cluster
        self.mode = mode
        self.threads = threads
        self.load = None
        self.history = History(("bank_pg",) if cluster.settings.get("last_resource") else ())
        self.runs = 0
        self.checked = 0  # operations of the history
        self.committed = 0

    def _path(self, run):
        """The history of a run of the load."""
        return self.cluster.path(f"history.{run}")

    def _arguments(self, *arguments):
        program = os.path.join(self.cluster.build, "tests/integration/bank_load")
        real = os.path.join(self.cluster.build, "tests/integration/.libs/bank_load")
        return [*self.cluster.outside(), real if os.path.exists(real) else program, self.cluster.endpoint,
                self._path(self.runs), *arguments]

    def start_load(self):
        self.runs += 1
        self.load = Process(self._arguments(str(self.threads), str(ACCOUNTS), str(self.runs), self.mode),
                            self.cluster.path("load.log"), env=self.cluster.environment())
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

    def read_history(self, run=None):
        """What a run of the load, this one if none is named, has written up to now; None: it had no time to begin."""
        path = self._path(run or self.runs)
        return self.history.read(path) if os.path.exists(path) else None

    def _sources(self):
        """The histories of what runs now."""
        source = self.read_history()
        return [source] if source else []

    def in_flight(self):
        """Transactions that the clients of this run have begun and whose end they have not heard of."""
        return sum(not found.ended() for source in self._sources() for found in source.begun)

    def count(self):
        """Transfers that the clients of this run were told to be committed."""
        source = self.read_history()
        return source.commits if source else 0

    def told_in_run(self):
        """Of this run's transfers: {"committed", "rolled_back", "unknown"}."""
        return self.history.count(self.read_history())

    def await_progress(self, commits, seconds=CLEAN_WITHIN):
        """Until so many more were told; returns how long it took."""
        began = time.monotonic()
        wanted = self.count() + commits
        poll(lambda: self.count() >= wanted, seconds, f"{commits} more transfers commit")
        return time.monotonic() - began

    def check(self, row=None):
        """Everything is clean: within the bound, without an operator.  Returns how long it took.  row, if given, gets
        the number of operations that were checked, and the counts of what may not be: `in_doubt`, `torn`, `false`."""
        began = time.monotonic()
        row = {} if row is None else row
        row.update(in_doubt=self.prepared(), torn=0, false=0)
        poll(lambda: self.prepared() == 0, CLEAN_WITHIN, f"nothing is prepared any more (there were {row['in_doubt']})")
        row["in_doubt"] = 0
        took = time.monotonic() - began
        self._check_history(row)
        self._check_money()
        return took

    def _check_history(self, row):
        """What was said is what happened."""
        for run in range(1, self.runs):
            self.read_history(run)  # what those that were killed had written at last
        self.read_history()
        self._ask()
        self.read_history()
        sql = "SELECT gtrid, from_id, to_id, amount FROM ledger"
        ledgers = dict(zip(BANKS, (self.cluster.postgres.rows(sql), self.cluster.mariadb.rows(sql))))
        violations = self.history.check(ledgers)
        row["operations"] = row.get("operations", 0) + self.history.operations - self.checked
        self.checked = self.history.operations
        row["torn"] = sum(violation.kind == "torn" for violation in violations)
        row["false"] = len(violations) - row["torn"]
        self.committed = len(ledgers[BANKS[0]])
        if violations:
            raise Failure(f"{row['torn']} TORN, {row['false']} false: " + "\n".join(str(one) for one in violations[:5]))
        self._check_logs({gtrid for ledger in ledgers.values() for gtrid, *_ in ledger})

    def _check_logs(self, booked):
        """What the replicas' logs still hold of decisions is one sequence, and agrees with the ledgers."""
        decisions = self.cluster.group.history()
        for before, after in zip(decisions, decisions[1:]):
            if before["slot"] >= after["slot"] or before["stamp"] >= after["stamp"]:
                raise Failure(f"txctl history is out of order: {before} {after}")
        for decision in decisions:
            # What wrote in one bank only is no transfer; in three-phase commit (q) its other branch is listed, too.
            gtrid = decision.get("gtrid", "")
            wrong = {"COMMIT": len(decision.get("branches", ())) == 2 and gtrid not in booked and not gtrid.endswith("q"),
                     "ABORT": gtrid in booked}
            if wrong.get(decision["type"]):
                raise Failure(f"the ledgers do not agree with txctl history: {decision}")

    def _ask(self):
        """Somebody who was not there asks what became of some of them, now that all is quiet."""
        left = [found.gtrid for found in self.history.unfinished()][-ASKED_AT_THE_END:]
        known = list(self.history.transactions)[-1000:]
        asked = left + random.sample(known, min(ASKED_AT_THE_END, len(known)))
        done = subprocess.run(self._arguments("ask"), input="\n".join(asked), text=True, capture_output=True, timeout=60,
                              env=self.cluster.environment(), check=False)
        if done.returncode:
            raise Failure(f"nobody answers questions: {done.stderr}")

    def _check_money(self):
        moved = int(self.cluster.postgres.psql("-c", "SELECT coalesce (sum (amount), 0) FROM ledger"))
        pg = int(self.cluster.postgres.psql("-c", "SELECT sum(bal) FROM acct"))
        my = int(self.cluster.mariadb.sql("SELECT sum(bal) FROM acct"))
        if pg != ACCOUNTS * BALANCE - moved or my != ACCOUNTS * BALANCE + moved:
            raise Failure(f"money is not conserved: {pg} + {my}, moved {moved}")
