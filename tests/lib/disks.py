"""Disks of a group of replicas that are full, slow, or fail.

A full disk is a small file system of its own, with a file that takes all of its space.  It is mounted in a mount
namespace that the test enters, so that nothing of it is seen outside or left behind.  Needs root.
Slow ones and failing ones are the work of a library that is preloaded into the daemons (txc_bad_disk.c).
"""
import ctypes
import errno
import os
import shutil
import subprocess

from processes import Failure, poll

CLONE_NEWNS = 0x00020000
SIZE = 24 << 20  # of a small file system, its own journal included
SEGMENT = 8 << 20  # of the logs where one of them gets a single segment
FILLER = "filler"


def _run(*arguments):
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failure(f"{' '.join(arguments)}: {done.stderr.strip()}")


def missing():
    """What keeps this machine from having small disks; None: nothing does."""
    if os.geteuid() != 0:
        return "root"
    for program in ("mkfs.ext4", "mount", "umount", "unshare"):
        if not shutil.which(program):
            return program
    # a loop device, in a namespace of its own
    probe = "f=$(mktemp -d) && truncate -s 4M $f/image && mkfs.ext4 -q $f/image && mkdir $f/disk && " \
            "mount -o loop $f/image $f/disk; s=$?; umount $f/disk; rm -rf $f; exit $s"
    done = subprocess.run(["unshare", "-m", "sh", "-c", probe], capture_output=True, check=False)
    return "loop-mounted file systems" if done.returncode else None


class Disks:
    """The disks with the logs of a cluster's replicas."""

    def __init__(self, cluster, small, one_segment=None):
        """small: every replica has a small file system of its own, otherwise all share the test's.
        one_segment: the replica in whose file system there is room for a single segment of its log."""
        self.cluster = cluster
        self.control = cluster.write("bad_disk", "")
        self.mounted = []
        library = os.path.join(cluster.build, "tests/lib/.libs/txc_bad_disk.so")
        if not os.path.exists(library):
            raise Failure(f"{library} is missing: make tests/lib/txc_bad_disk.la")
        cluster.extra_environment.update(LD_PRELOAD=library, TXC_BAD_DISK=self.control)
        cluster.disks = self
        if small:
            self._enter_namespace()
            for number in sorted(cluster.group.members):
                self._mount(cluster.group.log(number))
        if one_segment:
            self.fill(one_segment, leave=SEGMENT * 3 // 2)

    @staticmethod
    def _enter_namespace():
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNS) != 0:
            raise Failure(f"unshare: {os.strerror(ctypes.get_errno())}")
        _run("mount", "--make-rprivate", "/")

    def _mount(self, folder):
        image = f"{folder}.image"
        with open(image, "wb") as file:
            file.truncate(SIZE)
        _run("mkfs.ext4", "-q", "-m", "0", image)
        os.mkdir(folder)
        _run("mount", "-o", "loop", image, folder)
        self.mounted.append(folder)

    def remove(self):
        """After the processes that use them have ended."""
        for folder in self.mounted:
            subprocess.run(["umount", folder], check=False)
        self.mounted = []

    # --- full

    def fill(self, number, leave=0):
        """Leaves so many bytes free."""
        with open(os.path.join(self.cluster.group.log(number), FILLER), "wb", buffering=0) as file:
            for size in (1 << 20, 4096):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
            file.truncate(file.tell() - leave)
            os.fsync(file.fileno())

    def free(self, number):
        os.remove(os.path.join(self.cluster.group.log(number), FILLER))

    # --- bad

    def _set(self, line):
        """At once: a daemon that reads it just now finds the one or the other."""
        os.rename(self.cluster.write("bad_disk.new", line), self.control)

    def slow(self, number, milliseconds):
        self._set(f"slow {milliseconds} {self.cluster.group.log(number)}")

    def fail(self, number):
        self._set(f"fail 0 {self.cluster.group.log(number)}")

    def heal(self):
        self._set("")

    def hits(self):
        """How many forced writes were slow or failed."""
        try:
            return os.path.getsize(f"{self.control}.hits")
        except FileNotFoundError:
            return 0

    def await_hits(self, more, seconds=30):
        wanted = self.hits() + more
        poll(lambda: self.hits() >= wanted, seconds, f"{more} more forced writes are slow or fail")
