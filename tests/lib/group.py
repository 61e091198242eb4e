"""The coordinator of a cluster: one replica, or a group of three or five, each a process with a log of its own."""
import json
import os

from processes import Failure, poll


class Group:
    """Replicas are numbered from 1; a group of one is the process `txcoord`, others are txcoord_1, txcoord_2, ..."""

    def __init__(self, cluster, size, network=None):
        self.cluster = cluster
        self.size = size  # when it was formatted
        self.network = network
        self.members = {number: self.address(number) for number in range(1, size + 1)}
        self.formatted = set()
        self.dead = set()  # names of processes that are meant to be so

    # --- names and addresses

    def name(self, number):
        return "txcoord" if self.size == 1 and number == 1 else f"txcoord_{number}"

    def number(self, name):
        return int(name.rpartition("_")[2]) if "_" in name else 1

    def log(self, number):
        return self.cluster.path(self.name(number).replace("txcoord", "log"))

    def socket(self, number):
        """Where the test itself reaches the replica, wherever it is."""
        return f"ipc://{self.cluster.path(self.name(number))}.sock"

    def address(self, number):
        """Where everybody else reaches it."""
        return self.network.endpoint(number) if self.network else self.socket(number)

    def endpoints(self):
        """What applications and agents are configured with."""
        return ",".join(self.members[number] for number in sorted(self.members))

    def coordinator_lines(self):
        """The same, as an agent's configuration has it."""
        return "\n".join(f'    coordinator = "{self.members[number]}"' for number in sorted(self.members))

    # --- starting

    def config(self, number, join):
        settings = self.cluster.settings
        listen = {self.socket(number), self.network.listens(number) if self.network else self.socket(number)}
        lines = [f'listen = "{endpoint}"' for endpoint in sorted(listen)] + [f"replica = {number}"]
        if self.network:
            lines += [f'advertise = "{self.address(number)}"'] + ["insecure = 1"] * self.network.insecure
        group = [f'member = "{other} {self.members[other]}"' for other in sorted(self.members)
                 if len(self.members) > 1 or join]
        group += ["join = 1"] * join + settings.get("group", "").split("\n")
        return self.cluster.write(f"{self.name(number)}.cfg", "\n".join([
            "coordinator", *(f"    {line}" for line in lines),
            "group", *(f"    {line.strip()}" for line in group),
            "log", f'    folder = "{self.log(number)}"', settings.get("log", ""),
            "session", f"    lease = {settings.get('lease', '5s')}", settings.get("txcoord", ""), ""]))

    def start(self, number, *options, join=False):
        """Starts a replica; a member's empty log is formatted once, on purpose.  join: it asks to become a member."""
        name = self.name(number)
        config = self.cluster.path(f"{name}.cfg")
        if number not in self.formatted:
            config = self.config(number, join)
            if not join:
                self._run(name, "--config", config, "--init")
                if self.cluster.processes[name].child.wait(30) != 0:
                    raise Failure(f"txcoord --init failed:\n{self.cluster.tail(name)}")
            self.formatted.add(number)
        self._run(name, "--config", config, *options)

    def kill(self, number):
        self.process(number).kill()
        self.dead.add(self.name(number))

    def _run(self, name, *arguments):
        self.dead.discard(name)
        prefix = self.network.inside(self.number(name)) if self.network else []
        self.cluster.start_daemon(name, arguments, program="txcoord", prefix=prefix)

    def start_all(self):
        for number in sorted(self.members):
            self.start(number)

    # --- looking

    def process(self, number):
        return self.cluster.processes[self.name(number)]

    def running(self):
        return [number for number in sorted(self.formatted) if self.process(number).running()]

    def status(self, number):
        """What one replica says of itself; {} if it says nothing."""
        code, out, _ = self.cluster.tool("txctl", "--coordinator", self.socket(number), "--timeout", "1000", "--json",
                                         "status")
        return json.loads(out) if code == 0 else {}

    def leads(self, number):
        status = self.status(number)
        return bool(status.get("leading") and (status.get("lease") or self.size == 1))

    def find_leader(self, among=None):
        """The replica that leads and holds a lease; None if there is none just now."""
        for number in among or self.running():
            if self.leads(number):
                return number
        return None

    def leader(self, seconds=30, among=None):
        return poll(lambda: self.find_leader(among), seconds, "a replica leads")

    def followers(self):
        leader = self.leader()
        return [number for number in self.running() if number != leader]

    def await_caught_up(self, number, seconds=30):
        """Until it has applied what the leader has applied by now."""
        slot = poll(lambda: self.status(self.leader()).get("applied_slot"), seconds, "the leader says how far it is")
        poll(lambda: self.status(number).get("applied_slot", 0) >= slot, seconds, f"replica {number} reaches slot {slot}")

    # --- changing

    def ask(self, *words, seconds=30):
        """A command of txctl for the leader, repeated while it says: not now."""
        def done():
            code, out, err = self.cluster.txctl(*words)
            done.said = (out + err).strip()
            return code == 0
        done.said = ""
        try:
            poll(done, seconds, f"txctl {' '.join(words)}")
        except Failure as failure:
            raise Failure(f"{failure}: {done.said}") from None
        return done.said

    def add(self, number):
        """A new replica with an empty log, made a member of the group that runs."""
        self.start(number, join=True)
        self.ask("member", "add", str(number), self.address(number))
        self.members[number] = self.address(number)

    def remove(self, number):
        """A member that is dead; its log and its number are never used again."""
        self.ask("member", "remove", str(number))
        del self.members[number]
        self.formatted.discard(number)

    def transfer(self, number):
        self.ask("leader", "transfer", str(number))
        poll(lambda: self.leads(number), 30, f"replica {number} leads")

    def history(self):
        """What txctl history makes of the logs of the replicas that run."""
        folders = [self.log(number) for number in self.running()]

        def read():  # a replica may take a snapshot just then, and use files again
            read.code, read.out, read.said = self.cluster.tool("txctl", "--json", "history", *folders)
            return "TXC_ENOTREADY" not in read.said

        poll(read, 30, "txctl history reads logs that stay as they are")
        code, out, said = read.code, read.out, read.said
        if code:
            raise Failure(f"txctl history: {said}")
        return [json.loads(line) for line in out.splitlines()]

    def lose_log(self, number):
        """Its disk comes back empty."""
        folder = self.log(number)
        os.rename(folder, f"{folder}.lost")
