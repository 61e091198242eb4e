"""Processes of a test: started, watched, and ended whatever happens."""
import os
import pwd
import signal
import subprocess
import time


class Failure(Exception):
    """A test's own verdict, or something that could not be started."""


def poll(condition, seconds, what):
    """Waits until condition() is true; a bounded wait for something that another process does."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"{what}: not within {seconds} s")
        time.sleep(0.02)


def has_ended(pid):
    """Whether a process that is nobody's child here is gone, or waits only for an init that collects nothing."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def as_user(name):
    """Keyword arguments for a process of that user, if the caller is root."""
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam(name)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": [], "cwd": "/"}


class Process:
    """A child that is ended with the cluster, whatever happens."""

    def __init__(self, arguments, log, **options):
        self.log = log
        self.arguments = arguments
        with open(log, "ab") as out:
            self.child = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=out, stderr=out, **options)

    @property
    def pid(self):
        return self.child.pid

    def running(self):
        return self.child.poll() is None

    def signal(self, number):
        if self.running():
            os.kill(self.pid, number)

    def kill(self):
        if self.running():
            self.child.kill()
        self.child.wait()

    def stop(self, seconds=30):
        """SIGTERM, then the end; its exit status."""
        if self.running():
            self.child.send_signal(signal.SIGCONT)
            self.child.terminate()
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failure(f"{self.arguments[0]} did not stop within {seconds} s") from None
