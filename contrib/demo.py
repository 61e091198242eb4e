"""The demonstration itself; contrib/demo installs, builds and calls it with the build folder."""
import argparse
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "lib"))
from cluster import Cluster, Failure, poll  # noqa: E402

BEGAN = time.monotonic()

NAMES = {"2pc": "two-phase commit", "3pc": "three-phase commit", "paxos": "Paxos Commit"}
# What has happened in each mode when the leader is about to write its decision.
DECIDING = {"2pc": "when both have voted yes, before any replica has its decision",
            "3pc": "when both have voted yes and been told to pre-commit, before any replica has its decision",
            "paxos": "when a majority of replicas holds both votes, before anybody has been told"}


def say(text):
    print(f"[{time.monotonic() - BEGAN:5.1f} s] {text}", flush=True)


class Demo:
    def __init__(self, cluster, mode):
        self.cluster = cluster
        self.mode = mode
        self.begin = f"\\begin {mode}"
        self.total = None

    def txsql(self, *commands):
        """Runs a script in txsql as a user would; its exit status and what it said."""
        done = subprocess.run([self.cluster.program("txsql"), "-C", self.cluster.endpoint], text=True,
                              input="\n".join(commands) + "\n", capture_output=True, timeout=60, check=False,
                              env=self.cluster.environment())
        return done.returncode, (done.stdout + done.stderr).strip()

    def show(self, status, output):
        for line in output.splitlines():
            print(f"            {line}")
        print(f"            (txsql's exit status: {status})")

    def balances(self):
        pg = int(self.cluster.postgres.psql("-c", "SELECT bal FROM acct WHERE id = 1"))
        my = int(self.cluster.mariadb.sql("SELECT bal FROM acct WHERE id = 1"))
        total = int(self.cluster.postgres.psql("-c", "SELECT sum(bal) FROM acct")) + \
            int(self.cluster.mariadb.sql("SELECT sum(bal) FROM acct"))
        if self.total is None:
            self.total = total
        print(f"            account 1: PostgreSQL {pg}, MariaDB {my}; total of both banks {total}"
              f"{' (unchanged)' if total == self.total else ' (CHANGED!)'}")
        if total != self.total:
            raise Failure("money was made or lost")
        return pg, my

    def expect(self, before, moved):
        pg, my = self.balances()
        if (pg, my) != (before[0] - moved, before[1] + moved):
            raise Failure(f"expected {moved} to be moved")
        return pg, my

    def commit(self, before):
        say("1. Move 100 from PostgreSQL to MariaDB in one global transaction, and commit.")
        self.show(*self.txsql(self.begin, "@bank_pg UPDATE acct SET bal = bal - 100 WHERE id = 1;",
                              "@bank_my UPDATE acct SET bal = bal + 100 WHERE id = 1;", "\\commit"))
        return self.expect(before, 100)

    def rollback(self, before):
        say("2. The same again, but roll back.")
        self.show(*self.txsql(self.begin, "@bank_pg UPDATE acct SET bal = bal - 100 WHERE id = 1;",
                              "@bank_my UPDATE acct SET bal = bal + 100 WHERE id = 1;", "\\rollback"))
        return self.expect(before, 0)

    def constraint(self, before):
        say("3. Take more than there is: PostgreSQL's constraint says no, so MariaDB rolls back as well.")
        self.show(*self.txsql(self.begin, "@bank_my UPDATE acct SET bal = bal + 999999 WHERE id = 1;",
                              "@bank_pg UPDATE acct SET bal = bal - 999999 WHERE id = 1;", "\\commit"))
        return self.expect(before, 0)

    def arm(self):
        """The leader, which kills itself when it is about to write its next decision."""
        cluster, group = self.cluster, self.cluster.group
        leader = group.leader()
        group.process(leader).stop()  # it hands its leadership over
        cluster.restart(group.name(leader), "--crash-at", "append.before.COMMIT")
        group.await_caught_up(leader)
        group.transfer(leader)
        cluster.wait_ready()
        return leader

    def start_transfer(self):
        """In a process of its own, which waits for its outcome."""
        client = subprocess.Popen([self.cluster.program("txsql"), "-C", self.cluster.endpoint], text=True,
                                  env=self.cluster.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT)
        client.stdin.write(f"{self.begin}\n@bank_pg UPDATE acct SET bal = bal - 100 WHERE id = 1;\n"
                           "@bank_my UPDATE acct SET bal = bal + 100 WHERE id = 1;\n\\commit\n")
        client.stdin.close()
        return client

    def prepared(self):
        return self.cluster.postgres.prepared() + self.cluster.mariadb.prepared()

    def crash(self, before):
        cluster, group = self.cluster, self.cluster.group
        say(f"4. Move 100 again, and kill -9 the leader {DECIDING[self.mode]}.")
        leader = self.arm()
        client = self.start_transfer()
        poll(lambda: not group.process(leader).running(), 30, "the leader is killed")
        group.dead.add(group.name(leader))
        began = time.monotonic()
        say(f"   Replica {leader}, which led, is dead. In doubt: {cluster.postgres.prepared()} branch in PostgreSQL, "
            f"{cluster.mariadb.prepared()} in MariaDB; the application waits.")
        output = client.stdout.read()
        took = time.monotonic() - began
        status = client.wait(60)
        say(f"   Replica {group.leader()} leads now; {took:.1f} s after the kill the application had its answer:")
        self.show(status, output.strip())
        poll(lambda: self.prepared() == 0, 30, "nothing is in doubt")
        before = self.expect(before, 100)
        cluster.restart(group.name(leader))
        group.await_caught_up(leader)
        say(f"   Replica {leader} is back, follows, and has caught up:")
        for line in cluster.txctl("member", "list")[1].splitlines():
            print(f"            {line}")
        return before

    def said_of_members(self):
        lines = (self.cluster.tail("agent_pg", 1000) + self.cluster.tail("agent_my", 1000)).splitlines()
        return [line for line in lines if "by themselves" in line]

    def no_coordinator(self, before):
        cluster, group = self.cluster, self.cluster.group
        say("5. Move 100 once more, and kill -9 every replica at that moment.")
        leader = self.arm()
        said_before = self.said_of_members()
        client = self.start_transfer()
        poll(lambda: not group.process(leader).running(), 30, "the leader is killed")
        replicas = [leader, *group.running()]
        for number in replicas:
            group.kill(number)
        began = time.monotonic()
        say(f"   No replica is left. In doubt: {cluster.postgres.prepared()} branch in PostgreSQL, "
            f"{cluster.mariadb.prepared()} in MariaDB.")
        poll(lambda: self.prepared() == 0, 60, "the agents end the transaction")
        said = [line for line in self.said_of_members() if line not in said_before]
        if not said:
            raise Failure("no agent says that the members have ended the transaction")
        say(f"   The agents have ended it by themselves, {time.monotonic() - began:.1f} s after the kill. They say:")
        for line in said:
            print(f"            {line}")
        before = self.expect(before, 100)
        for number in replicas:
            group.start(number)
        output = client.stdout.read()
        say("   The replicas are back, learn what the members did, and tell the application, which has waited:")
        self.show(client.wait(60), output.strip())
        return before

    def check_mode(self):
        status, output = self.txsql(self.begin, "\\rollback")
        if status:
            raise Failure(f"no transaction begins in mode {self.mode}: {output}")

    def run(self):
        self.check_mode()
        say(f"every transaction is ended by {NAMES[self.mode]}")
        before = self.balances()
        for step in (self.commit, self.rollback, self.constraint, self.crash):
            before = step(before)
        if self.mode == "3pc":
            self.no_coordinator(before)
            say("Done: five transactions, one through a kill -9 of the leader, one of the whole group, and not a coin lost.")
        else:
            say("Done: four transactions, one of them through a kill -9 of the leader, and not a coin lost.")


def tell_how_to_connect(cluster):
    print(f"""
Everything is left running in {cluster.folder}. To look at it:

  export LD_LIBRARY_PATH={cluster.build}/src/libtxcoord/.libs
  {cluster.program("txsql")} -C {cluster.endpoint}
  {cluster.program("txctl")} --coordinator {cluster.endpoint} status
  psql "{cluster.postgres.conninfo()}"
  mariadb --no-defaults -u root -S {cluster.mariadb.socket} bank

To end it:

  kill {" ".join(str(process.pid) for process in cluster.processes.values())} \
{cluster.postgres.process.pid} {cluster.mariadb.process.pid} && rm -r {cluster.folder}""")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--mode", choices=sorted(NAMES), default="2pc")
    options = parser.parse_args()
    keep = options.keep
    # How long a member of a three-phase commit hears nothing before it asks the others.
    settings = {"agent": "    terminate = 2s"} if options.mode == "3pc" else {}
    cluster = Cluster(build=options.build, replicas=3, settings=settings)
    try:
        say("starting a private PostgreSQL and a private MariaDB, each with a bank of 1,000 accounts")
        cluster.start_databases(rows=1000, balance=1000)
        say("starting three replicas of txcoord, and an agent beside each database")
        cluster.start_daemons()
        Demo(cluster, options.mode).run()
    except (Failure, subprocess.SubprocessError) as failure:
        print(f"demo: {failure}", file=sys.stderr)
        keep = False
        return 1
    finally:
        if keep:
            tell_how_to_connect(cluster)
        else:
            cluster.__exit__()
    return 0


if __name__ == "__main__":
    sys.exit(main())
