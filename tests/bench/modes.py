"""The benchmarks of the ways to end a transaction: two-phase commit, three-phase commit, Paxos Commit."""
import os
import statistics
import subprocess

from bench import Bench, agents, bench_tables, check_total, filesystem, header
from cluster import Cluster, Failure
from network import Loopback, SlowLoopback

MODES = ("2pc", "3pc", "paxos")
REPLICAS, FAULTS = 3, 1
NOT_SERVED = 3  # exit status of the programs

# --- latency -----------------------------------------------------------------------------------------------------------

AGENTS = ("mem_a", "mem_b")
DELAYS_MS = (1, 5, 20)
TOLERANCE = 0.10


def counted_delays(cluster):
    """{mode: message delays until the application is told}, of two branches, as the simulator counts them."""
    program = os.path.join(cluster.build, "tests/sim/txsim")
    done = subprocess.run([program, "--count"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failure(f"txsim --count: {done.stdout}{done.stderr}")
    found = {}
    for line in done.stdout.splitlines()[1:]:
        mode, branches, faults, delays = line.replace("|", " ").split()[:4]
        if (int(branches), int(faults)) == (len(AGENTS), FAULTS):
            found[mode] = int(delays)
    return found


def commit_latency(cluster, bench, mode, seconds):
    """Median of a commit, in ms; None where the mode is not served."""
    done = subprocess.run([bench.program("latency"), cluster.endpoint, mode, str(seconds)], capture_output=True,
                          text=True, env=cluster.environment(), check=False)
    if done.returncode == NOT_SERVED:
        print(f"{mode}: not supported: {done.stderr.strip()}")
        return None
    if done.returncode:
        raise Failure(done.stderr.strip())
    return float(done.stdout.split(",")[2]) / 1000


def latency_row(mode, runs, expected):
    """runs: {delay: medians of the rounds}.  k over the fastest round of each delay tells what a busy machine adds."""
    median = {delay: statistics.median(ms) for delay, ms in runs.items()}
    k, a = statistics.linear_regression(list(median), list(median.values()))
    fastest, _ = statistics.linear_regression(list(runs), [min(ms) for ms in runs.values()])
    row = {"name": "latency", "mode": mode, "p50_ms": {delay: round(ms, 3) for delay, ms in median.items()},
           "range_ms": {delay: [round(min(ms), 3), round(max(ms), 3)] for delay, ms in runs.items()},
           "a_ms": round(a, 3), "k": round(k, 3), "k_fastest": round(fastest, 3), "delays": expected,
           "off": round(k / expected - 1, 3), "within": abs(k / expected - 1) <= TOLERANCE}
    print(f"{mode:6} " + " ".join(f"{median[delay]:9.3f}" for delay in median) +
          f" {row['a_ms']:8.3f} {row['k']:6.3f} {expected:6} {row['off']:+7.1%} {row['k_fastest']:12.3f}" +
          ("" if row["within"] else "  not within 10 %"), flush=True)
    return row


def latency(options):
    """a delay between all processes: what a commit takes, against the message delays of each mode"""
    network = SlowLoopback(REPLICAS, AGENTS)
    with Cluster(build=options.build, agents=AGENTS, replicas=REPLICAS, network=network,
                 settings={"scan": "10s"}) as cluster:
        cluster.start_daemons()
        bench = Bench(cluster, options)
        expected = counted_delays(cluster)
        modes = [mode for mode in MODES if commit_latency(cluster, bench, mode, 0.5) is not None]
        runs = {mode: {delay: [] for delay in DELAYS_MS} for mode in modes}
        print(f"file system: {filesystem(cluster.folder)}; cores: {os.cpu_count()}; rounds: {options.rounds} of "
              f"{options.seconds} s; ms, medians")
        for _ in range(options.rounds):
            for delay in DELAYS_MS:
                network.slow_down(delay)
                for mode in modes:
                    runs[mode][delay].append(commit_latency(cluster, bench, mode, options.seconds))
        network.slow_down(0)
        print("mode   " + " ".join(f"{f'd = {delay}':>9}" for delay in DELAYS_MS) +
              f" {'a':>8} {'k':>6} {'delays':>6} {'off':>7} {'k of fastest':>12}")
        return [latency_row(mode, runs[mode], expected[mode]) for mode in modes]


# --- modes -------------------------------------------------------------------------------------------------------------

AIMS = {"3pc": 0.70, "paxos": 0.75}
WRITTEN = {"": "threads", "/together": "together"}  # statement by statement, or both at once


def is_served(cluster, mode):
    code, out, err = cluster.txsql(f"\\begin {mode}", "\\rollback")
    if code and "TXC_EMODE" not in out + err:
        raise Failure(f"txsql: {out}{err}")
    if code:
        print(f"{mode}: not supported: {(out + err).strip()}")
    return code == 0


def modes(options):
    """transfers through three replicas in each mode, against the same without any coordinator (the better of two)"""
    with Cluster(build=options.build, agents=agents(options), settings={"database": "bench", "scan": "10s"},
                 replicas=REPLICAS, network=Loopback(REPLICAS)) as cluster:
        cluster.start_databases(rows=10)
        bench_tables(cluster)
        cluster.start_daemons()
        bench = Bench(cluster, options)
        served = [mode for mode in MODES if is_served(cluster, mode)]
        header(bench)
        for clients in options.clients or (16, 64):
            ours = {f"modes/{mode}{name}": (kind, mode) for mode in served for name, kind in WRITTEN.items()}
            candidates = {name: lambda one=one: bench.ours(":".join(one), clients) for name, one in ours.items()}
            candidates |= {f"without/{how}": lambda how=how: bench.naive(how, clients) for how in ("seq", "par")}
            rows = bench.alternate_several(clients, candidates, {name: name for name in ours})
            for (_, mode), row in zip(ours.values(), rows):
                row["aim"] = AIMS.get(mode)
        print("aims: " + ", ".join(f"{mode} {aim:.2f}" for mode, aim in AIMS.items()))
        check_total(cluster)
        return bench.rows
