"""Runs the cases of a test program one after the other and tells which failed."""
import sys
import time

sys.path.insert(0, __file__.rsplit("/", 1)[0])
from cluster import Failure  # noqa: E402


def check(what, condition, seen=""):
    if not condition:
        raise Failure(f"{what}{': ' if seen != '' else ''}{seen}")


def run(cases, *arguments, pattern=None):
    """Calls every case with the arguments; 0 if all of them passed.  pattern: only those with it in their names."""
    failed = 0
    for case in cases:
        if pattern and pattern not in case.__name__:
            continue
        began = time.monotonic()
        try:
            case(*arguments)
            verdict = "ok"
        except Failure as failure:
            verdict = f"FAILED: {failure}"
            failed += 1
        print(f"{case.__name__:60} {time.monotonic() - began:5.1f} s  {verdict}", flush=True)
    return 1 if failed else 0
