"""The benchmarks of groups of replicas."""
import os
import random
import shutil
import statistics
import subprocess
import time

from bench import Bench, agents, bench_tables, check_total, filesystem, header
from cluster import Cluster, Failure, Process, poll
from network import Loopback


def csv(arguments, environment=None):
    done = subprocess.run(arguments, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise Failure(f"{' '.join(arguments)}: {done.stderr}")
    return [float(part) for part in done.stdout.strip().split(",")]


# --- log ---------------------------------------------------------------------------------------------------------------


def etcd_puts(cluster):
    """The program, built if need be; None, with a line that says why, where that cannot be."""
    lacking = [program for program in ("go", "etcd", "etcdctl") if not shutil.which(program)]
    if lacking:
        print(f"without etcd: {', '.join(lacking)} missing; 'contrib/packages etcd' installs it")
        return None
    done = subprocess.run(["make", "-s", "tests/bench/etcd_puts"], cwd=cluster.build, capture_output=True, text=True,
                          check=False)
    if done.returncode:
        raise Failure(f"etcd_puts: {done.stderr}")
    return os.path.join(cluster.build, "tests/bench/etcd_puts")


def start_etcd(cluster):
    """Its endpoints."""
    log = cluster.path("etcd.log")
    ports = Loopback(6).ports.values()
    process = Process([os.path.join(cluster.source, "tests/bench/run_etcd"), cluster.path("etcd"), *map(str, ports)], log)
    cluster.others.append(process)
    poll(lambda: not process.running() or "127.0.0.1:" in text_of(log), 60, "etcd answers")
    said = text_of(log).strip()
    if not process.running():
        raise Failure(f"etcd: {said}")
    return process, said.splitlines()[-1]


def text_of(log):
    with open(log, encoding="utf-8") as file:
        return file.read()


def log(options):
    """replicated decisions a second: three replicas, against three nodes of etcd and against the floor"""
    with Cluster(build=options.build, agents=(), replicas=3, network=Loopback(3)) as cluster:
        bench = Bench(cluster, options)
        cluster.group.start_all()
        cluster.group.leader()
        puts = etcd_puts(cluster)
        etcd, endpoints = start_etcd(cluster) if puts else (None, None)
        floor = [bench.program("replicated_log_floor"), cluster.path("floor")]
        decisions = [bench.program("decisions"), cluster.endpoint]
        seconds = str(options.seconds)
        print(f"file system: {filesystem(cluster.folder)}; cores: {os.cpu_count()}; rounds: {options.rounds} of {seconds} s")
        print(f"{'in flight':>9} {'decisions/s':>12} {'p50 µs':>8} {'etcd/s':>9} {'ratio':>6} {'floor/s':>9} {'ratio':>6} "
              f"{'batched floor/s':>15} {'ratio':>6}")
        csv([*floor, "1", "0.2"])  # fills its segments
        try:
            for in_flight in options.clients or (1, 16, 64, 256):
                candidates = {"ours": [*decisions, str(in_flight), seconds],
                              "floor": [*floor, str(in_flight), seconds],
                              "batched": [*floor, str(in_flight), seconds, "batch"]}
                if puts:
                    candidates["etcd"] = [puts, endpoints, str(in_flight), seconds, "200"]
                bench.rows.append(log_row(cluster, in_flight, candidates, options.rounds))
        finally:
            if etcd:
                etcd.stop()
        return bench.rows


def log_row(cluster, in_flight, candidates, rounds):
    runs = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, arguments in candidates.items():
            runs[name].append(csv(arguments, cluster.environment()))
            time.sleep(1)  # what this one still flushes is not the next one's
    rate = {name: statistics.median(one[0] for one in results) for name, results in runs.items()}
    row = {"name": "log", "in_flight": in_flight, "decisions": round(rate["ours"]),
           "p50_us": round(statistics.median(one[1] for one in runs["ours"])),
           "range": [min(one[0] for one in runs["ours"]), max(one[0] for one in runs["ours"])]}
    text = f"{in_flight:9} {row['decisions']:12} {row['p50_us']:8}"
    for name, width in (("etcd", 9), ("floor", 9), ("batched", 15)):
        row[name] = round(rate[name]) if name in rate else None
        row[f"ratio_{name}"] = round(rate["ours"] / rate[name], 2) if name in rate else None
        text += f" {row[name] if name in rate else '-':>{width}} {row[f'ratio_{name}'] if name in rate else '-':>6}"
    print(text, flush=True)
    return row


# --- replicated --------------------------------------------------------------------------------------------------------


def bank_cluster(options, replicas):
    """A cluster with databases of its own and the baseline's tables."""
    return Cluster(build=options.build, agents=agents(options), settings={"database": "bench", "scan": "10s"},
                   replicas=replicas, network=Loopback(replicas))


def start_bank(cluster):
    cluster.start_databases(rows=10)
    bench_tables(cluster)
    cluster.start_daemons()


def epoch(cluster):
    leader = cluster.group.leader()
    return leader, cluster.group.status(leader)["epoch"]["round"]


def replicated(options):
    """transfers through three replicas, against the same through a group of one; and elections without a reason"""
    with bank_cluster(options, 3) as three, bank_cluster(options, 1) as one:
        start_bank(three)
        start_bank(one)
        ours, other = Bench(three, options), Bench(one, options)
        header(ours)
        for clients in options.clients or (16, 64):
            before = epoch(three)
            row = ours.alternate("replicated", clients, {"three": lambda: ours.ours("threads", clients),
                                                         "one": lambda: other.ours("threads", clients)}, "three")
            row["spurious_elections"] = int(epoch(three) != before)
            if row["spurious_elections"]:
                print(f"there was an election: {before} before, {epoch(three)} now")
        check_total(three)
        check_total(one)
        return ours.rows


# --- failover ----------------------------------------------------------------------------------------------------------

SETTLE = 1.0  # how long everything runs between two kills, once the killed one is back


def gaps(times, kills):
    """For each kill the longest time, in ms, in which no commit was answered."""
    found = []
    for killed in kills:
        near = [at for at in times if killed - 0.2 < at < killed + 30]
        if not near or near[-1] < killed:
            raise Failure("no transfer committed after a kill")
        following = [(later - sooner) * 1000 for sooner, later in zip(near, near[1:]) if sooner < killed + 5]
        found.append(max(following))
    return found


def kill_leaders(cluster, kills):
    """kill -9 of whoever leads, again and again; when each was."""
    when = []
    for _ in range(kills):
        time.sleep(SETTLE + random.random())  # the moment of the kill is the random variable
        leader = cluster.group.leader()
        when.append(time.monotonic())
        cluster.group.kill(leader)
        cluster.group.leader()
        cluster.group.start(leader)
        cluster.group.await_caught_up(leader)
    time.sleep(SETTLE)
    return when


def failover(options):
    """kill -9 of the leader under load: the longest gap in commits, and transactions that failed"""
    with bank_cluster(options, 3) as cluster:
        start_bank(cluster)
        bench = Bench(cluster, options)
        for clients in options.clients or (16,):
            times, said = cluster.path("times"), cluster.path("transfers.log")
            load = Process([bench.program("transfers"), str(clients), "3600", cluster.endpoint, "threads", "10000", times],
                           said, env=cluster.environment())
            cluster.others.append(load)
            kills = kill_leaders(cluster, options.kills)
            if load.stop(60) != 0:
                raise Failure(f"transfers: {cluster.tail('transfers')}")
            with open(times, encoding="ascii") as file:
                found = gaps(sorted(int(line) / 1e6 for line in file), kills)
            failed = int(cluster.tail("transfers", 1).split(",")[4])
            row = {"name": "failover", "clients": clients, "kills": len(kills), "gap_ms_min": round(min(found)),
                   "gap_ms_median": round(statistics.median(found)), "gap_ms_max": round(max(found)),
                   "failed_transactions": failed}
            bench.rows.append(row)
            print(f"{clients} clients, {row['kills']} kills: longest gap in commits {row['gap_ms_min']} to "
                  f"{row['gap_ms_max']} ms, median {row['gap_ms_median']} ms; {failed} transactions failed", flush=True)
        poll(lambda: cluster.postgres.prepared() + cluster.mariadb.prepared() == 0, 30, "nothing is prepared any more")
        check_total(cluster)
        return bench.rows


# --- catchup -----------------------------------------------------------------------------------------------------------

LOAD = 256  # decisions in flight


def rate(cluster, bench, seconds):
    return csv([bench.program("decisions"), cluster.endpoint, str(LOAD), str(seconds)], cluster.environment())[0]


def fall_behind(cluster, bench, decisions):
    """A follower that is down while so many are decided."""
    behind = cluster.group.followers()[0]
    cluster.group.kill(behind)
    csv([bench.program("decisions"), cluster.endpoint, str(LOAD), "600", str(decisions)], cluster.environment())
    return behind


def catch_up(cluster, bench, name, decisions):
    behind = fall_behind(cluster, bench, decisions)
    before = rate(cluster, bench, bench.options.seconds)
    with open(cluster.path("rate"), "w", encoding="ascii") as out:
        load = subprocess.Popen([bench.program("decisions"), cluster.endpoint, str(LOAD), "8"], stdout=out,
                                env=cluster.environment())
        time.sleep(1)  # the load is there
        began = time.monotonic()
        cluster.group.start(behind)
        cluster.group.await_caught_up(behind, 120)
        took = time.monotonic() - began
        if load.wait(120):
            raise Failure("the group took no decisions meanwhile")
    with open(cluster.path("rate"), encoding="ascii") as file:
        during = float(file.read().split(",")[0])
    row = {"name": f"catchup/{name}", "decisions": decisions, "seconds": round(took, 2), "rate_before": round(before),
           "rate_during": round(during), "kept": round(during / before, 2),
           "log_bytes": folder_size(cluster.group.log(behind))}
    bench.rows.append(row)
    print(f"{name}: {decisions} decisions behind, caught up in {took:.2f} s; decisions/s {before:.0f} before, {during:.0f} "
          f"meanwhile ({row['kept']:.2f}); its log takes {row['log_bytes'] / 2 ** 20:.0f} MiB", flush=True)


def folder_size(folder):
    return sum(entry.stat().st_blocks * 512 for entry in os.scandir(folder))


def catchup(options):
    """a replica that was down meanwhile catches up under load: value by value, and by a snapshot"""
    rows = []
    for name, decisions, keep in (("suffix", options.suffix, "2G"), ("snapshot", options.behind, "64M")):
        with Cluster(build=options.build, agents=(), replicas=3, network=Loopback(3),
                     settings={"group": f"keep = {keep}"}) as cluster:
            bench = Bench(cluster, options)
            cluster.group.start_all()
            cluster.group.leader()
            catch_up(cluster, bench, name, decisions)
            rows += bench.rows
    return rows
