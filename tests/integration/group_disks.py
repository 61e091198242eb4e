"""What the disk of a replica can do to the group: be full, be slow, fail.  Faults for tests/integration/group."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from processes import Failure, poll  # noqa: E402

EXIT_IO = 74  # of txcoord: a failed write of its log
SLOWER_MS = 100
SLOW_WRITES = 20


def said(test, number, text):
    """How often the replica has said so."""
    with open(test.group.process(number).log, encoding="utf-8", errors="replace") as file:
        return file.read().count(text)


# --- full --------------------------------------------------------------------------------------------------------------


def full(test, number):
    """Its log cannot grow: from then on it makes do with the files that it has."""
    before = said(test, number, "nearly full")
    test.cluster.disks.fill(number)
    poll(lambda: said(test, number, "nearly full") > before, 30, "the log gets no further file")
    test.happened()
    test.kill(number)  # what it holds has to be enough for a start
    test.happened()
    test.back(number)
    test.cluster.disks.free(number)
    poll(lambda: test.group.status(number).get("space_low") is False, 30, "the log has room again")
    test.group.await_caught_up(number)


def the_leaders_disk_is_full(test):
    full(test, test.group.leader())


def a_followers_disk_is_full(test):
    full(test, test.other(test.group.leader()))


ONE_SEGMENT = 3  # the replica whose disk has no room for a second one


def a_disk_that_has_been_full_from_the_start(test):
    """No snapshot can free anything there: that replica leads nobody, whatever it is told."""
    test.group.ask("leader", "transfer", str(ONE_SEGMENT))
    test.happened()
    poll(lambda: not test.group.leads(ONE_SEGMENT), 30, "a leader without space hands over")
    test.cluster.disks.free(ONE_SEGMENT)
    poll(lambda: test.group.status(ONE_SEGMENT).get("space_low") is False, 30, "the log has room again")
    test.group.await_caught_up(ONE_SEGMENT)


# --- slow --------------------------------------------------------------------------------------------------------------


def slow(test, number):
    test.cluster.disks.slow(number, SLOWER_MS)
    test.cluster.disks.await_hits(SLOW_WRITES)
    test.happened()
    test.cluster.disks.heal()
    test.group.await_caught_up(number)


def the_leaders_disk_is_slow(test):
    slow(test, test.group.leader())


def a_followers_disk_is_slow(test):
    slow(test, test.other(test.group.leader()))


# --- failing -----------------------------------------------------------------------------------------------------------


def failing(test, number):
    """Nobody knows what the disk holds after a failed fdatasync: the process ends at once, and says which file."""
    process, name = test.group.process(number), test.group.name(number)
    test.cluster.disks.fail(number)
    poll(lambda: not process.running(), 30, "a replica whose disk fails ends")
    test.group.dead.add(name)
    test.cluster.disks.heal()
    tail = test.cluster.tail(name)
    if process.child.returncode != EXIT_IO or f"cannot force {test.group.log(number)}/" not in tail:
        raise Failure(f"a failed write: status {process.child.returncode}: {tail}")
    test.happened()
    test.back(number)


def the_leaders_disk_fails(test):
    failing(test, test.group.leader())


def a_followers_disk_fails(test):
    failing(test, test.other(test.group.leader()))


BAD = (the_leaders_disk_is_slow, a_followers_disk_is_slow, the_leaders_disk_fails, a_followers_disk_fails)
FULL = (the_leaders_disk_is_full, a_followers_disk_is_full)
FULL_AT_FIRST = (a_disk_that_has_been_full_from_the_start,)
