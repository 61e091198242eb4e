"""What has to happen for crash points that members of three-phase commits pass only without a leader, or with a later one.

A situation is a context: it arms the victim, starts the bank's load, and lets leaders and agents die or sleep in the
middle of commits, so that the victim comes to its point and dies of it.  Then it is entered.  At its end everybody but
the victim is well again.  The victim `txcoord` is whichever replica leads.

What happens is brought about and not waited for: left to chance is only which transactions are met.
"""
import contextlib
import fnmatch
import os
import signal

from processes import Failure, poll
from transfer import Coordinators, is_stopped

ASKS, WAITS = "500ms", "5s"  # agent/terminate: of who is to become the terminator, and of who is to be asked
VOTED = ("yes", "read-only")  # members, whether they wrote something or not
HIT_WITHIN = 40
AT_START = 3  # times that a process is armed which had something left to do


class NotHit(Failure):
    """The point was not reached: a failure, but nothing is wrong with the data."""


def other_kind(kind):
    return "my" if kind == "pg" else "pg"


def set_roles(cluster, asks=None):
    """asks: the agent, pg or my, that becomes the terminator as soon as there is no coordinator; others have patience."""
    for kind in cluster.agents:
        line = f"    terminate = {ASKS if kind == asks else WAITS}"
        if cluster.settings.get(f"agent_{kind}") != line:
            cluster.settings[f"agent_{kind}"] = line
            cluster.processes[f"agent_{kind}"].stop()
            cluster.start_agent(kind)


def _asks(cluster, kind):
    """Whether that agent stands as the terminator for all that has voted there, and has asked the other members."""
    branches = cluster.ask_agent(kind, "branches").get("branches", ())
    voted = [branch["waits"] for branch in branches if branch["vote"] in VOTED]
    return bool(voted) and set(voted) == {"a majority of the members that it asks"}


def _processes(cluster, name):
    if name != "txcoord":
        return [cluster.processes[name]]
    return [cluster.group.process(number) for number in sorted(cluster.group.members)]


def until(condition, what):
    """As poll, for something without which a point is not reached."""
    try:
        poll(condition, HIT_WITHIN, what)
    except Failure as failure:
        raise NotHit(str(failure)) from None


def _await(cluster, name, condition, what):
    until(lambda: any(condition(process) for process in _processes(cluster, name)), what)


def _await_death(cluster, name, point):
    _await(cluster, name, lambda process: not process.running(), f"{name} dies at {point}")


def _await_sleep(cluster, name, point):
    _await(cluster, name, lambda process: not process.running() or is_stopped(process.pid), f"{name} sleeps at {point}")


def _arm(cluster, name, *options):
    """Ready, and armed.  What the world before had left to it, it does at once, and may die of it: so once more."""
    for attempt in range(AT_START):
        for process in _processes(cluster, name):
            process.kill()
        if name == "txcoord":
            _start_replicas(cluster, *options)
        else:
            cluster.restart(name, *options)
        try:
            cluster.wait_ready()
            return
        except Failure:
            if attempt == AT_START - 1 or all(process.running() for process in _processes(cluster, name)):
                raise


def _start_replicas(cluster, *options):
    for number in sorted(cluster.group.members):
        cluster.group.start(number, *options)


def _leader_dies(bank, rng):
    """In the middle of commits: of one at least all branches have voted, and no outcome is on record.  Nobody leads then."""
    cluster = bank.cluster
    point = rng.choice(("send.before.PRE_DECIDE", "append.before.COMMIT"))
    _arm(cluster, "txcoord", "--crash-at", f"{point}:{rng.randint(1, 10)}")
    bank.start_load()
    _await_death(cluster, "txcoord", point)
    Coordinators(cluster).kill()


@contextlib.contextmanager
def alone(bank, name, point, rng, asks):
    """The coordinator is gone; one agent becomes the terminator and asks the other one, which is the victim or is not."""
    cluster, kind = bank.cluster, name.removeprefix("agent_")
    set_roles(cluster, kind if asks else other_kind(kind))
    # Where it sleeps first: it has not voted, so the leader has sent no PreCommit; or it has not said that it has it.
    pre_commit = "send.before.PRE_DECIDED"
    before = rng.choice(("work.after.PREPARE", pre_commit))
    before = {"PRE_DECIDED": "work.after.PREPARE", "ROLLBACK": "work.after.PREPARE", "COMMIT": pre_commit}.get(
        point.rpartition(".")[2], before)
    count = rng.randint(1, 3) if point.endswith("MEMBER") else 1
    _arm(cluster, name, "--stop-at", f"{before}:{rng.randint(1, 10)}", "--crash-at", f"{point}:{count}")
    bank.start_load()
    try:
        _await_sleep(cluster, name, before)
        if before != pre_commit:
            until(lambda: has_voted(cluster, other_kind(kind)), "the other branch has voted")
        Coordinators(cluster).kill()
        cluster.processes[name].signal(signal.SIGCONT)
        _await_death(cluster, name, point)
        yield
    finally:
        if not any(process.running() for process in _processes(cluster, "txcoord")):
            _start_replicas(cluster)


def has_voted(cluster, kind):
    return any(branch["vote"] in VOTED for branch in cluster.ask_agent(kind, "branches").get("branches", ()))


@contextlib.contextmanager
def leads_anew(bank, name, point, rng):
    """Branches had voted for an earlier leader; who leads now has to be elected by them."""
    set_roles(bank.cluster)
    _leader_dies(bank, rng)
    _start_replicas(bank.cluster, "--crash-at", f"{point}:1")
    _await_death(bank.cluster, name, point)
    yield


@contextlib.contextmanager
def is_asked(bank, name, point, rng):
    """An agent stands as the terminator and reaches no other one, nor do applications say anything: it needs the group."""
    cluster = bank.cluster
    asks = rng.choice(("pg", "my"))
    set_roles(cluster, asks)
    asleep = [cluster.processes[f"agent_{other_kind(asks)}"]]
    _leader_dies(bank, rng)
    asleep.append(bank.load)
    try:
        for process in asleep:
            process.signal(signal.SIGSTOP)
        until(lambda: _asks(cluster, asks), "an agent stands as the terminator")
        _start_replicas(cluster, "--crash-at", f"{point}:1")
        _await_death(cluster, name, point)
        yield
    finally:
        for process in asleep:
            process.signal(signal.SIGCONT)


@contextlib.contextmanager
def knows(bank, name, point, rng):
    """The leader sleeps when an outcome is on record and was not told; an agent becomes the terminator, and asks it, since
    the other agent sleeps, too."""
    cluster = bank.cluster
    asks = rng.choice(("pg", "my"))
    set_roles(cluster, asks)
    before = "send.before.PHASE2_COMMIT"
    _arm(cluster, name, "--stop-at", f"{before}:{rng.randint(1, 10)}", "--crash-at", f"{point}:1")
    bank.start_load()
    coordinators, asleep = Coordinators(cluster), cluster.processes[f"agent_{other_kind(asks)}"]
    try:
        _await_sleep(cluster, name, before)
        asleep.signal(signal.SIGSTOP)
        coordinators.signal(signal.SIGSTOP)
        until(lambda: _asks(cluster, asks), "an agent stands as the terminator")
        coordinators.signal(signal.SIGCONT)
        _await_death(cluster, name, point)
        yield
    finally:
        coordinators.signal(signal.SIGCONT)
        asleep.signal(signal.SIGCONT)


def _alone(asks):
    return lambda *arguments: alone(*arguments, asks)


# victims, points, what happens, whether the load alone brings the victim there as well
SITUATIONS = (
    ("agent_*", ("send.*.TERMINATE", "send.*.PRE_DECIDE", "send.*.DECIDED"), "terminator", _alone(True), False),
    ("agent_*", ("journal.*.MEMBER", "work.*.COMMIT", "work.*.ROLLBACK"), "terminator", _alone(True), True),
    ("agent_*", ("send.*.MEMBER_STATE",), "member", _alone(False), False),
    ("agent_*", ("journal.*.MEMBER", "send.*.PRE_DECIDED"), "member", _alone(False), True),
    ("txcoord", ("append.*.ELECTED", "append.*.PRE_DECIDED", "send.*.TERMINATE"), "leads anew", leads_anew, False),
    ("txcoord", ("send.*.PRE_DECIDE",), "leads anew", leads_anew, True),
    ("txcoord", ("append.*.ELECTED", "append.*.PRE_DECIDED", "send.*.MEMBER_STATE", "send.*.PRE_DECIDED"), "is asked",
     is_asked, False),
    ("txcoord", ("send.*.DECIDED",), "knows", knows, False))


def situations(name, point):
    """[(words, the situation)] for that point of that victim; and whether the load alone reaches it, too."""
    found = [(words, make, by_load) for names, points, words, make, by_load in SITUATIONS
             if fnmatch.fnmatch(name, names) and any(fnmatch.fnmatch(point, one) for one in points)]
    return [one[:2] for one in found], all(by_load for *_, by_load in found)


def lose_journal(cluster, kind):
    """An agent that does not run has no journal when it is started again."""
    folder = cluster.journal(kind)
    os.rename(folder, f"{folder}.lost.{cluster.processes[f'agent_{kind}'].pid}")
