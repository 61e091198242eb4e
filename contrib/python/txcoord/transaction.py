"""A global transaction."""
from __future__ import annotations

import ctypes
import datetime
import decimal
import threading
import uuid
from collections.abc import Callable, Sequence
from ctypes import byref, c_void_p
from types import TracebackType
from typing import TYPE_CHECKING, Any, Optional, Union

from .codes import Code
from .enlist import Enlisted
from .errors import Error
from .native import ErrorInfo, Param, encode, lib, make_error, milliseconds, plain_error, take_string, text
from .result import Result, read_result

if TYPE_CHECKING:
    from .client import Client

Parameter = Union[None, str, bytes, bytearray, memoryview, bool, int, float, decimal.Decimal, datetime.date,
                  datetime.time, uuid.UUID]


def _parameter(value: Parameter) -> Optional[bytes]:
    """A parameter as text, which is how every resource manager takes them."""
    if value is None:
        return None
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, bool):
        return b"1" if value else b"0"  # what PostgreSQL and MariaDB both understand
    if isinstance(value, int):
        return b"%d" % value  # of an IntEnum too its number
    if isinstance(value, float):
        return repr(float(value)).encode()
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ").encode()
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat().encode()
    if isinstance(value, (decimal.Decimal, uuid.UUID)):
        return str(value).encode()
    raise TypeError(f"a parameter of type {type(value).__name__}: make it a str, as the database reads it")


def _parameters(values: Sequence[Parameter]) -> "ctypes.Array[Param]":
    if isinstance(values, (str, bytes)):
        raise TypeError("parameters are a sequence: (value,), not value")
    encoded = [_parameter(value) for value in values]
    return (Param * len(encoded))(*(Param(value, len(value) if value else 0) for value in encoded))


class Transaction:
    """A transaction; Client.begin makes one.

    As a context manager it commits at the end of the block, unless it was ended in it, and rolls back when an exception
    leaves it.  Without one: commit or rollback, then close.  Calls of several threads run one after the other.
    """

    def __init__(self, client: "Client", handle: int) -> None:
        self._client = client
        self._handle = c_void_p(handle)
        self._lock = threading.RLock()
        self._enlisted: list[Enlisted] = []  # which the library calls until the handle is gone
        self._over = False  # committed, rolled back or detached; nothing is left to do at the end of the block
        self.gtrid: str = text(lib.txc_tx_gtrid(self._handle))

    def __repr__(self) -> str:
        return f"<txcoord.Transaction {self.gtrid}>"

    def __enter__(self) -> "Transaction":
        return self

    def __exit__(self, kind: Optional[type[BaseException]], value: Optional[BaseException],
                 traceback: Optional[TracebackType]) -> None:
        try:
            if kind is None and not self._over:
                self.commit()
            elif not self._over:
                with self._lock:
                    if self._handle.value:
                        lib.txc_rollback(self._handle)  # what fails here the time-out does
        finally:
            self.close()

    def __del__(self) -> None:
        if hasattr(self, "_lock"):
            self.close()

    def close(self) -> None:
        """Frees the handle; a transaction that is still open is rolled back.  May be called again."""
        with self._lock:
            if self._handle.value:
                lib.txc_tx_destroy(byref(self._handle))
                self._client._leave(self)

    # --- calls

    def _ask(self, function: Callable[..., int], *arguments: object) -> int:
        """Calls a function of the library on the transaction; what it gave."""
        if not self._handle.value:
            raise plain_error(Code.EPROTO, "the transaction is closed", self.gtrid)
        return function(self._handle, *arguments)

    def _call(self, function: Callable[..., int], *arguments: object) -> None:
        """The same; raises whatever is not success."""
        if self._ask(function, *arguments) != Code.OK:
            raise self._error()

    def _error(self, code: Optional[int] = None) -> Error:
        info: ErrorInfo = lib.txc_tx_error(self._handle)
        error = make_error(info, self.gtrid, code)
        failure = self._take_failure()
        if failure is not None:
            error.__cause__ = failure
        return error

    def _take_failure(self) -> Optional[BaseException]:
        """What a driver of an enlisted connection raised while the library called it."""
        failures = [one.failure for one in self._enlisted if one.failure]
        for one in self._enlisted:
            one.failure = None
        return failures[0] if failures else None

    # --- statements

    def execute(self, rm: str, sql: str, params: Sequence[Parameter] = (), *, last: bool = False) -> Result:
        """Runs a statement in the branch at a resource manager.

        params: for $1, $2, ... of PostgreSQL, ? of MariaDB and MySQL; bytes go as they are.  last: it is the last one
        there, so that the prepare can travel with it.  After an error only rollback is left.
        """
        values = _parameters(params)
        result = c_void_p()
        with self._lock:
            self._call(lib.txc_exec_last if last else lib.txc_exec, encode(rm, "rm"), encode(sql, "sql"), len(values), values,
                       byref(result))
        return read_result(result)

    def start(self, rm: str, sql: str, params: Sequence[Parameter] = (), *, last: bool = False) -> None:
        """Starts a statement, without its result: those at several resource managers run at the same time.  See wait."""
        values = _parameters(params)
        with self._lock:
            self._call(lib.txc_exec_async, encode(rm, "rm"), encode(sql, "sql"), len(values), values, int(last))

    def wait(self) -> None:
        """Waits for every statement that was started; raises the first error."""
        with self._lock:
            self._call(lib.txc_wait)

    def savepoint(self, rm: str, name: str) -> None:
        """Sets a savepoint at a resource manager.  name: [A-Za-z_][A-Za-z0-9_]*, at most 63 bytes."""
        with self._lock:
            self._call(lib.txc_savepoint, encode(rm, "rm"), encode(name, "name"))

    def rollback_to(self, rm: str, name: str) -> None:
        """Undoes what was done since the savepoint.  It undoes work, not failures: after an error only rollback is left."""
        with self._lock:
            self._call(lib.txc_rollback_to, encode(rm, "rm"), encode(name, "name"))

    def release(self, rm: str, name: str) -> None:
        """Forgets a savepoint."""
        with self._lock:
            self._call(lib.txc_release, encode(rm, "rm"), encode(name, "name"))

    # --- the application's own connections

    def enlist(self, rm: str, connection: Any) -> None:
        """Makes a connection of psycopg2, PyMySQL or mysqlclient (or a Driver) the branch at a resource manager.

        Until the transaction has ended, statements on it belong to the transaction; it must be in no transaction now, and
        neither committed nor rolled back by itself.  It is prepared and ended by commit and rollback here, and is then as
        it was before.
        """
        enlisted, name = Enlisted(connection), encode(rm, "rm")
        with self._lock:
            if self._over or not self._handle.value:  # the connection is not touched
                raise plain_error(Code.EPROTO, "the transaction is over", self.gtrid)
            enlisted.begin()
            self._enlisted.append(enlisted)  # before the library calls it
            self._call(lib.txc_enlist_cb, name, byref(enlisted.table), None)

    def fail(self, rm: str) -> None:
        """Says that a statement on the enlisted connection failed, where its driver cannot tell: the branch votes no."""
        with self._lock:
            self._call(lib.txc_enlist_failed, encode(rm, "rm"))

    # --- the end

    def commit(self, *, wait: Optional[float] = None) -> None:
        """Commits.  Raises RolledBack, Mixed, Hazard; OutcomeUnknown, after which it may be called again to wait on.  wait:
        seconds at most until then; otherwise the rest of the transaction's time-out, and ten more.

        Error with EATTACHED while another process is attached: nothing happened.
        """
        with self._lock:
            code = self._ask(lib.txc_commit_within, milliseconds(wait, "wait"), None)
            self._over = self._over or (code >= 0 and code not in (Code.UNKNOWN, Code.PENDING))
            if code != Code.OK:
                raise self._error(code)
            self._raise_interrupt()

    def rollback(self) -> None:
        """Rolls back.  The transaction is never committed then, unless commit was called before."""
        with self._lock:
            self._call(lib.txc_rollback)
            self._over = True
            self._raise_interrupt()

    def _raise_interrupt(self) -> None:
        """It all ended well; but an interrupt that came in a driver is not to be lost."""
        failure = self._take_failure()
        if failure is not None and not isinstance(failure, Exception):
            raise failure

    # --- one transaction in several processes

    def export(self) -> str:
        """A ticket with which another process joins (Client.join)."""
        return self._ticket(lib.txc_export)

    def detach(self) -> str:
        """Ends the part of a process that joined; the ticket goes back to the owner, who calls reattach before commit."""
        ticket = self._ticket(lib.txc_detach)
        self._over = True
        return ticket

    def reattach(self, ticket: str) -> None:
        """Takes back the ticket of a process that has detached."""
        with self._lock:
            self._call(lib.txc_reattach, encode(ticket, "ticket"))

    def _ticket(self, function: Callable[..., int]) -> str:
        ticket = c_void_p()
        with self._lock:
            self._call(function, byref(ticket))
        return take_string(ticket)
