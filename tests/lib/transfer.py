"""One transfer between the two banks of a cluster, and what the databases and the agents say of it."""
import json
import os
import signal
import subprocess

from processes import has_ended, poll

AMOUNT = 5


class Transfer:
    """In a process of its own, which waits for its outcome."""

    def __init__(self, cluster, mode, commit=True):
        """commit: at once; otherwise when commit () is called, the statements have been run by then."""
        self.cluster = cluster
        self.child = subprocess.Popen([*cluster.outside(), cluster.program("txsql"), "-C", cluster.endpoint], text=True,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                      env=cluster.environment())
        self._say(f"\\begin 60000 {mode}\n@bank_pg UPDATE acct SET bal = bal - {AMOUNT} WHERE id = 1;\n"
                  f"@bank_my UPDATE acct SET bal = bal + {AMOUNT} WHERE id = 1;\n")
        self.gtrid = self.child.stdout.readline().split()[-1]
        if commit:
            self.commit()
        else:
            for kind in ("pg", "my"):
                poll(lambda kind=kind: self.branch(kind).get("waits") == "the application", 30, f"its statement at {kind}")

    def _say(self, text):
        self.child.stdin.write(text)
        self.child.stdin.flush()

    def commit(self):
        self._say("\\commit\n")
        self.child.stdin.close()

    def outcome(self):
        text = self.child.stdout.read()
        self.child.stdout.close()
        return self.child.wait(120), text

    def kill(self):
        self.child.kill()
        self.child.wait()
        self.child.stdout.close()

    def branch(self, kind):
        """What its agent says of its branch there; {} if there is none that waits for anything."""
        for branch in self.cluster.ask_agent(kind, "branches").get("branches", ()):
            if branch["gtrid"] == self.gtrid:
                return branch
        return {}


def balances(cluster):
    return (int(cluster.postgres.rows("SELECT bal FROM acct WHERE id = 1")[0][0]),
            int(cluster.mariadb.rows("SELECT bal FROM acct WHERE id = 1")[0][0]))


def transferred(before):
    """Balances, after a transfer."""
    return before[0] - AMOUNT, before[1] + AMOUNT


def prepared(cluster):
    return cluster.postgres.prepared() + cluster.mariadb.prepared()


def is_stopped(pid):
    """By SIGSTOP."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        return file.read().rpartition(")")[2].split()[0] == "T"


class Coordinators:
    """All replicas of a cluster's coordinator at once."""

    def __init__(self, cluster):
        self.cluster, self.group = cluster, cluster.group

    def _processes(self):
        return [self.group.process(number) for number in sorted(self.group.members)]

    def kill(self):
        for process in self._processes():
            process.kill()
        self.group.dead.update(self.group.name(number) for number in self.group.members)

    def start(self, *options):
        """All of them; ready when it returns."""
        for number in sorted(self.group.members):
            self.group.start(number, *options)
        self.cluster.wait_ready()

    def arm(self, *options):
        """Started anew, so that whoever leads them dies, or stops, at a crash point."""
        self.kill()
        self.start(*options)

    def await_death(self, point):
        """Of one of them at its crash point, and at once of all the others."""
        poll(lambda: any(has_ended(process.pid) for process in self._processes()), 30, f"a coordinator dies at {point}")
        self.kill()

    def await_stop(self, point):
        """Until one of them sleeps at its crash point; then they all sleep."""
        poll(lambda: any(is_stopped(process.pid) for process in self._processes()), 30, f"a coordinator stops at {point}")
        self.signal(signal.SIGSTOP)

    def signal(self, number):
        for process in self._processes():
            if process.running():
                os.kill(process.pid, number)

    def await_end(self):
        """Until nothing is in doubt, and the ends of all transactions are on record: who is started then has nothing
        to send at once."""
        def over():
            listed = self.cluster.txctl("--json", "list")
            states = [one["state"] for one in json.loads(listed[1])["transactions"]] if listed[0] == 0 else ["?"]
            return set(states) <= {"ended", "rolled back"}
        poll(lambda: "nothing is in doubt" in self.cluster.txctl("in-doubt")[1], 60, "nothing is in doubt")
        poll(over, 60, "its end is on record")

