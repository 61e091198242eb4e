"""Networks for a group of replicas: a network namespace each, and a hub between them where everybody else is.

    hub (applications, agents, txctl) ── bridge 10.77.0.254/24 ──┬── replica 1: 10.77.0.1
                                                                 ├── replica 2: 10.77.0.2 ...

Nothing of it is seen outside: other runs may have the same addresses in namespaces of theirs.  Needs root, ip and nft.
"""
import itertools
import os
import shutil
import socket
import subprocess
import sys

from processes import Failure

HUB = "hub"


def missing():
    """What keeps this machine from having networks; None: nothing does."""
    if os.geteuid() != 0:
        return "root"
    for program in ("ip", "nft"):
        if not shutil.which(program):
            return program
    probe = f"txc{os.getpid()}probe"
    if subprocess.run(["ip", "netns", "add", probe], capture_output=True, check=False).returncode:
        return "network namespaces"
    done = subprocess.run(["ip", "netns", "exec", probe, "nft", "add", "table", "inet", "fault"], capture_output=True,
                          check=False)
    subprocess.run(["ip", "netns", "del", probe], check=False)
    return "nftables in the kernel" if done.returncode else None


def _run(*arguments):
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failure(f"{' '.join(arguments)}: {done.stderr.strip()}")


class Loopback:
    """No network: replicas on free ports of the loopback interface."""
    insecure = False

    def __init__(self, replicas):
        self.ports = {}
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(replicas)]
        for number, one in enumerate(sockets, 1):
            self.ports[number] = one.getsockname()[1]
            one.close()

    def endpoint(self, number):
        return f"tcp://127.0.0.1:{self.ports[number]}"

    listens = endpoint

    @staticmethod
    def inside(_):
        return []

    def remove(self):
        pass


class Network:
    insecure = True  # these networks hold nobody else

    def __init__(self, replicas, *others):
        """others: host numbers of more such namespaces, for whatever a test runs there."""
        self.prefix = f"txc{os.getpid()}"
        self.spaces = []
        try:
            self._add_space(HUB)
            self._ip(HUB, "link", "add", "bridge", "type", "bridge")
            self._ip(HUB, "addr", "add", f"{self.address(HUB)}/24", "dev", "bridge")
            self._ip(HUB, "link", "set", "bridge", "up")
            for number in [*range(1, replicas + 1), *others]:
                self._add_replica(number)
        except Failure:
            self.remove()
            raise

    def _space(self, where):
        return f"{self.prefix}-{where}"

    def _ip(self, where, *arguments):
        _run("ip", "-n", self._space(where), *arguments)

    def _add_space(self, where):
        _run("ip", "netns", "add", self._space(where))
        self.spaces.append(where)
        self._ip(where, "link", "set", "lo", "up")

    def _add_replica(self, number):
        self._add_space(number)
        self._ip(number, "link", "add", "eth", "type", "veth", "peer", "name", f"to{number}", "netns", self._space(HUB))
        self._ip(number, "addr", "add", f"{self.address(number)}/24", "dev", "eth")
        self._ip(number, "link", "set", "eth", "up")
        self._ip(HUB, "link", "set", f"to{number}", "master", "bridge", "up")
        _run(*self.inside(number), "nft", "add table inet fault; "
             "add chain inet fault in { type filter hook input priority 0; }; "
             "add chain inet fault out { type filter hook output priority 0; }")

    @staticmethod
    def address(where):
        return f"10.77.0.{254 if where == HUB else where}"

    def endpoint(self, number):
        """Where everybody reaches a replica."""
        return f"tcp://{self.address(number)}:7400"

    listens = endpoint  # where it listens itself

    def inside(self, where):
        """What a command line begins with that runs there; the process has the pid that was started."""
        return ["ip", "netns", "exec", self._space(where)]

    # --- faults: a replica's own packets, nobody else's

    def drop(self, number, direction, peer=None, percent=100):
        """The replica loses what comes `in`, or what goes `out`: from or to peer (a number, or the hub), or all."""
        rule = f"add rule inet fault {direction}"
        if peer is not None:
            rule += f" ip {'saddr' if direction == 'in' else 'daddr'} {self.address(peer)}"
        if percent < 100:
            rule += f" numgen random mod 100 < {percent}"
        _run(*self.inside(number), "nft", f"{rule} counter drop")

    def cut_off(self, number):
        for direction in ("in", "out"):
            self.drop(number, direction)

    def heal(self):
        for number in self.spaces:
            if number != HUB:
                _run(*self.inside(number), "nft", "flush table inet fault")

    def remove(self):
        """After the processes in it have ended."""
        for where in self.spaces:
            subprocess.run(["ip", "netns", "del", self._space(where)], check=False)
        self.spaces = []


class Relay:
    """The process that delivers late (relay.py): {where it listens: where it passes on}, each HOST:PORT."""

    def __init__(self, routes, inside=()):
        program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "relay.py")
        self.process = subprocess.Popen([*inside, sys.executable, program,
                                         *(f"{listens}={target}" for listens, target in routes.items())],
                                        text=True, bufsize=1, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._await_ok()

    def _await_ok(self):
        if self.process.stdout.readline() != "ok\n":
            self.end()
            raise Failure("the relay does not run")

    def delay(self, source, target, milliseconds):
        """Between connections from a host and a target, from now on, one way each."""
        self.process.stdin.write(f"{source} {target} {milliseconds}\n")
        self._await_ok()

    def end(self):
        self.process.kill()
        self.process.communicate()


class SlowNetwork(Network):
    """Everybody reaches a replica through a relay in the hub, which can deliver later what comes from another replica."""

    relay = None

    def __init__(self, replicas):
        super().__init__(replicas)
        self.numbers = range(1, replicas + 1)
        try:
            self.relay = Relay({f"{self.address(HUB)}:{7400 + number}": self._target(number) for number in self.numbers},
                               self.inside(HUB))
        except Failure:
            self.remove()
            raise

    def _target(self, number):
        return f"{self.address(number)}:7400"

    def endpoint(self, number):
        return f"tcp://{self.address(HUB)}:{7400 + number}"

    def slow_down(self, milliseconds, one=None, other=None):
        """One way, between the two replicas; without them, between all."""
        pairs = [(one, other), (other, one)] if one else itertools.permutations(self.numbers, 2)
        for source, target in pairs:
            self.relay.delay(self.address(source), self._target(target), milliseconds)

    def remove(self):
        if self.relay:
            self.relay.end()
            self.relay = None
        super().remove()


class SlowLoopback:
    """No network either: everybody reaches a replica, and an agent, through a relay on the loopback interface."""
    insecure = False

    def __init__(self, replicas, agents):
        everybody = [*range(1, replicas + 1), *agents]
        ports = iter(Loopback(2 * len(everybody)).ports.values())
        self.own = {one: f"127.0.0.1:{next(ports)}" for one in everybody}
        self.relayed = {one: f"127.0.0.1:{next(ports)}" for one in everybody}
        self.relay = Relay({self.relayed[one]: self.own[one] for one in everybody})

    def endpoint(self, one):
        """Where everybody reaches a replica (a number) or an agent (its kind)."""
        return f"tcp://{self.relayed[one]}"

    agent_endpoint = endpoint

    def listens(self, one):
        """Where it listens itself."""
        return f"tcp://{self.own[one]}"

    @staticmethod
    def inside(_):
        return []

    def slow_down(self, milliseconds):
        """One way, between any two processes."""
        for target in self.own.values():
            self.relay.delay("127.0.0.1", target, milliseconds)

    def remove(self):
        self.relay.end()
