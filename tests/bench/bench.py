"""What every benchmark does: alternating candidates, medians, rows; and the tables of the baseline."""
import json
import os
import re
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from cluster import Failure  # noqa: E402

ROWS = 10000


def run_csv(arguments, environment):
    done = subprocess.run(arguments, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise Failure(f"{' '.join(arguments)}: {done.stderr}")
    if done.stderr:
        print(done.stderr.splitlines()[0], file=sys.stderr)
    kind, clients, _, commits, aborts, tps, p50, p99, _ = done.stdout.strip().split(",")
    return {"kind": kind, "clients": int(clients), "commits": int(commits), "aborts": int(aborts), "tps": float(tps),
            "p50": float(p50), "p99": float(p99)}


def agents(options):
    """The agents of PostgreSQL and MariaDB: one for both, as on one host, or one each."""
    return ("both",) if options.agents == "one" else ("pg", "my")


class Bench:
    def __init__(self, cluster, options):
        self.cluster = cluster
        self.options = options
        self.rows = []

    def program(self, name):
        real = os.path.join(self.cluster.build, "tests/bench/.libs", name)
        return real if os.path.exists(real) else os.path.join(self.cluster.build, "tests/bench", name)

    def ours(self, kind, clients):
        return run_csv([self.program("transfers"), str(clients), str(self.options.seconds), self.cluster.endpoint, kind,
                        str(ROWS)], self.cluster.environment())

    def naive(self, mode, clients):
        return run_csv([self.program("naive_2pc"), str(clients), str(self.options.seconds),
                        self.cluster.postgres.conninfo(database="bench"), self.cluster.mariadb.socket, str(ROWS), mode],
                       self.cluster.environment())

    def forced_writes(self):
        """Of the replica that leads."""
        group = self.cluster.group
        return group.status(group.leader()).get("log", {}).get("forced", 0)

    def alternate(self, name, clients, candidates, ours):
        """candidates: {label: function}; ours: the label that is set against the best of the others (none: no ratio)."""
        return self.alternate_several(clients, candidates, {ours: name})[0]

    def alternate_several(self, clients, candidates, ours):
        """The same; ours: {label: name of its row}, each of them against the best of those that are not in it."""
        results = {label: [] for label in candidates}
        forced = dict.fromkeys(ours, 0)
        for _ in range(self.options.rounds):
            for label, function in candidates.items():
                before = self.forced_writes()
                results[label].append(function())
                if label in ours:
                    forced[label] += self.forced_writes() - before
                time.sleep(1)  # what this one still flushes is not the next one's
        others = [median_tps(runs) for label, runs in results.items() if label not in ours]
        return [self.row(name, clients, results[label], forced[label], max(others, default=None))
                for label, name in ours.items()]

    def row(self, name, clients, runs, forced, baseline):
        tps, commits = median_tps(runs), sum(one["commits"] for one in runs)
        row = {"name": name, "clients": clients, "ours": round(tps, 1),
               "baseline": round(baseline, 1) if baseline else None,
               "ratio": round(tps / baseline, 3) if baseline else None,
               "p50_ms": round(statistics.median(one["p50"] for one in runs), 3),
               "p99_ms": round(statistics.median(one["p99"] for one in runs), 3),
               "aborts": sum(one["aborts"] for one in runs),
               "forced_writes_per_commit": round(forced / commits, 3) if commits else None,
               "range": [round(min(one["tps"] for one in runs), 1), round(max(one["tps"] for one in runs), 1)]}
        self.rows.append(row)
        baseline_text = f"{row['baseline']:9.1f}" if baseline else "        -"
        ratio_text = f"{row['ratio']:6.3f}" if baseline else "     -"
        print(f"{name:24} {clients:4} {row['ours']:9.1f} {baseline_text} {ratio_text} {row['p50_ms']:8.3f} "
              f"{row['p99_ms']:8.3f}  {row['forced_writes_per_commit']}", flush=True)
        return row


def median_tps(runs):
    return statistics.median(one["tps"] for one in runs)


def filesystem(folder):
    return subprocess.check_output(["stat", "-f", "-c", "%T", folder], text=True).strip()


def header(bench):
    cluster = bench.cluster
    if cluster.postgres:
        print("agents: " + ("one for both databases" if len(cluster.agents) == 1 else "one for each database"))
    print(f"file system: {filesystem(cluster.folder)}; cores: {os.cpu_count()}; rounds: {bench.options.rounds} of "
          f"{bench.options.seconds} s")
    if cluster.postgres:
        settings = " ".join(f"{name}={cluster.postgres.psql('-c', f'SHOW {name}', database='bench')}"
                            for name in ("fsync", "synchronous_commit"))
        flush = cluster.mariadb.sql("SELECT @@innodb_flush_log_at_trx_commit, @@log_bin", database=None).split()
        print(f"PostgreSQL: {settings}; MariaDB: innodb_flush_log_at_trx_commit={flush[0]} log_bin={flush[1]}")
    print(f"{'name':24} {'n':>4} {'ours':>9} {'baseline':>9} {'ratio':>6} {'p50 ms':>8} {'p99 ms':>8}  forced/commit")


def bench_tables(cluster):
    """The tables of the baseline, in a database of their own on both sides."""
    cluster.postgres.psql("-c", "CREATE DATABASE bench", database="postgres")
    cluster.postgres.psql("-f", os.path.join(cluster.source, "sql/postgresql/roles.sql"), database="bench")
    cluster.postgres.psql("-c", f"CREATE TABLE acct (id integer PRIMARY KEY, bal bigint NOT NULL); "
                                f"INSERT INTO acct SELECT id, 1000000 FROM generate_series(0, {ROWS - 1}) AS id; "
                                f"GRANT SELECT, UPDATE ON acct TO txagent", database="bench")
    cluster.postgres.psql("-c", "VACUUM ANALYZE acct", database="bench")
    cluster.mariadb.sql(f"CREATE DATABASE bench; USE bench; CREATE TABLE acct (id int PRIMARY KEY, bal bigint NOT NULL) "
                        f"ENGINE=InnoDB; INSERT INTO acct SELECT seq, 1000000 FROM seq_0_to_{ROWS - 1}; "
                        f"GRANT ALL ON bench.* TO txagent@localhost", database=None)


def check_total(cluster):
    total = int(cluster.postgres.psql("-c", "SELECT sum(bal) FROM acct", database="bench")) + \
        int(cluster.mariadb.sql("SELECT sum(bal) FROM acct", database="bench"))
    if total != 2 * ROWS * 1000000:
        raise Failure(f"money is not conserved: {total}")
    if cluster.postgres.prepared() or cluster.mariadb.prepared():
        raise Failure("branches were left prepared")


def memory(process):
    """Resident memory now, and at its highest, in MiB."""
    with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
        text = file.read()
    return [int(re.search(name + r":\s+(\d+)", text).group(1)) / 1024 for name in ("VmRSS", "VmHWM")]


def status(cluster):
    code, out, _ = cluster.txctl("--json", "status")
    return json.loads(out) if code == 0 else {}
