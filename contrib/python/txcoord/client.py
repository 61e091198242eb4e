"""A connection to the coordinators."""
from __future__ import annotations

import threading
import weakref
from ctypes import byref, c_void_p
from types import TracebackType
from typing import Optional, Union

from .codes import Code, CommitReturn, Isolation, Mode
from .errors import Error
from .native import ClientOptions, TxOptions, count, encode, lib, make_error, milliseconds, plain_error
from .transaction import Transaction


class Client:
    """A session with the group of coordinators at endpoints, "tcp://a:7400,tcp://b:7400".

    Any number of threads may use one client, which is cheaper than one each.  A forked child may go on to use its parent's:
    it gets a session of its own; transactions stay the parent's.
    """

    def __init__(self, endpoints: str, *, connect_timeout: Optional[float] = None, max_transactions: int = 0) -> None:
        """connect_timeout: seconds to wait for a coordinator [5]; max_transactions: open at once, 0: the library's default."""
        options = ClientOptions(milliseconds(connect_timeout, "connect_timeout"), count(max_transactions, "max_transactions"))
        self._lock = threading.RLock()  # a transaction may be collected, and leave, while this thread has it
        self._uses = 1  # of the handle: this object, calls under way, transactions; the last one frees it
        self._closed = False
        self._transactions: dict[int, weakref.ref[Transaction]] = {}
        self._handle = c_void_p(lib.txc_client_new(encode(endpoints, "endpoints"), byref(options)))
        if not self._handle.value:
            raise make_error(lib.txc_last_error())

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, kind: Optional[type[BaseException]], value: Optional[BaseException],
                 traceback: Optional[TracebackType]) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self.close()

    def close(self) -> None:
        """Rolls back what is open and closes the session.  May be called again."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            transactions = [one() for one in list(self._transactions.values())]
        for transaction in transactions:
            if transaction is not None:
                transaction.close()
        del transactions
        self._unuse()

    # --- uses of the handle

    def _use(self) -> c_void_p:
        with self._lock:
            if self._closed:
                raise plain_error(Code.EPROTO, "the client is closed")
            self._uses += 1
            return self._handle

    def _unuse(self) -> None:
        with self._lock:
            self._uses -= 1
            last = self._uses == 0
        if last:
            lib.txc_client_destroy(byref(self._handle))

    def _leave(self, transaction: Transaction) -> None:
        """A transaction of this client is closed."""
        with self._lock:
            self._transactions.pop(id(transaction), None)
        self._unuse()

    def _adopt(self, handle: Optional[int]) -> Transaction:
        """A new transaction, which takes over the caller's use of the client."""
        if not handle:
            error: Error = make_error(lib.txc_last_error())
            self._unuse()
            raise error
        transaction = Transaction(self, handle)
        with self._lock:
            self._transactions[id(transaction)] = weakref.ref(transaction)
        return transaction

    # --- transactions

    def begin(self, *, timeout: Optional[float] = None, isolation: Isolation = Isolation.DEFAULT,
              commit_return: CommitReturn = CommitReturn.COMPLETED, mode: Union[None, Mode, str] = None) -> Transaction:
        """Begins a transaction; costs no round trip.  timeout: seconds from here to the decision [60].  mode: a Mode, or its
        name: "2pc", "3pc", "paxos"."""
        options = TxOptions(milliseconds(timeout, "timeout"), isolation, commit_return,
                            Mode(mode).value.encode() if mode is not None else None)
        return self._adopt(lib.txc_begin(self._use(), byref(options)))

    def join(self, ticket: str) -> Transaction:
        """Joins a transaction of another process, which gave out the ticket (Transaction.export)."""
        text = encode(ticket, "ticket")
        return self._adopt(lib.txc_join(self._use(), text))

    def outcome(self, gtrid: str, *, timeout: Optional[float] = None) -> Code:
        """What became of a transaction: OK (committed), ROLLED_BACK, MIXED, HAZARD; UNKNOWN or PENDING when it cannot be told
        yet; FORGOTTEN past the horizon.  timeout: seconds to wait for it [10]."""
        text, wait = encode(gtrid, "gtrid"), milliseconds(timeout, "timeout")
        handle = self._use()
        try:
            code = lib.txc_outcome(handle, text, wait)
        finally:
            self._unuse()
        if code < 0:
            raise plain_error(code)
        return Code(code)
