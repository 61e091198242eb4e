"""What the package raises."""
from __future__ import annotations

from typing import Optional

from .codes import Code


class Error(Exception):
    """An error of the library, or of a resource manager: with its code and, where there is one, the database's own.

    code       the library's
    text       in words
    rm         the resource manager that it comes from, "" if none
    sqlstate   the database's SQLSTATE, "" if there is none
    native     the database's number, 0 if there is none
    retryable  the same transaction, run again from its start, may succeed
    gtrid      the transaction's, "" if there was none
    cause      of an outcome the code of the error that led to it; otherwise the same as code
    """

    def __init__(self, code: Code, text: str, *, rm: str = "", sqlstate: str = "", native: int = 0, retryable: bool = False,
                 gtrid: str = "", cause: Optional[Code] = None) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text
        self.rm = rm
        self.sqlstate = sqlstate
        self.native = native
        self.retryable = retryable
        self.gtrid = gtrid
        self.cause = code if cause is None else cause

    def __str__(self) -> str:
        whose = f"{self.rm}: " if self.rm else ""
        state = f" (SQLSTATE {self.sqlstate})" if self.sqlstate else f" (error {self.native})" if self.native else ""
        return f"{self.code.name}: {whose}{self.text}{state}"


class OutcomeError(Error):
    """A transaction was not plainly committed."""


class RolledBack(OutcomeError):
    """It was rolled back everywhere, for ever."""


class Mixed(OutcomeError):
    """Heuristic: some branches were committed and some rolled back."""


class Hazard(OutcomeError):
    """Heuristic: some branches may not have ended as decided."""


class OutcomeUnknown(OutcomeError):
    """Not known yet, which is not "rolled back": ask Client.outcome with the gtrid."""


OUTCOMES: dict[Code, type[Error]] = {
    Code.ROLLED_BACK: RolledBack,
    Code.MIXED: Mixed,
    Code.HAZARD: Hazard,
    Code.UNKNOWN: OutcomeUnknown,
    Code.PENDING: OutcomeUnknown,
}


def error_class(code: int) -> type[Error]:
    return OUTCOMES.get(Code(code), Error)
