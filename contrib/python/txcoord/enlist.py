"""The application's own connections in a transaction: what makes each driver's look like one (txc_enlist.h)."""
from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple, Optional, Protocol

from .codes import Code
from .native import (SQL_VALUE_SIZE, SQL_VALUES, EnlistDriver, FailedFunction, ReleaseFunction, RunFunction, SqlReply,
                     plain_error)

POSTGRESQL, MARIADB = 1, 2  # dialects


class Reply(NamedTuple):
    """What a statement came to, as a driver tells it."""

    tag: str = ""  # PostgreSQL's command tag
    values: tuple[Any, ...] = ()  # the first row of the result
    warned: bool = False  # PostgreSQL warned
    lost: bool = False  # the connection is gone, or its answer was lost
    native: int = 0  # the server's error number
    sqlstate: str = ""  # of the error
    text: str = ""  # of the error


class Driver(Protocol):
    """A connection as the library needs it; for drivers that are not known here."""

    dialect: int

    def begin(self) -> None:
        """The connection is about to be enlisted: no transaction of the driver's own from now on."""

    def run(self, sql: str) -> Reply:
        """Runs one statement as it is, without parameters.  Raises nothing that a server or a network does."""

    def failed(self) -> bool:
        """A statement of the application has failed, so that the branch must not commit."""

    def end(self) -> None:
        """The connection is the application's again."""


def is_driver(thing: Any) -> bool:
    return all(hasattr(thing, name) for name in ("dialect", "begin", "run", "failed", "end"))


# --- drivers


class _Psycopg2:
    dialect = POSTGRESQL

    def __init__(self, connection: Any) -> None:
        import psycopg2
        import psycopg2.extensions
        self._module: Any = psycopg2
        self._connection = connection
        self._autocommit = connection.autocommit

    def begin(self) -> None:
        # Refused by psycopg2 inside of a transaction; commit and rollback of the connection do nothing from here on.
        self._connection.autocommit = True

    def run(self, sql: str) -> Reply:
        connection = self._connection
        theirs, connection.notices = connection.notices, []  # an application's own may be anything that has append
        try:
            with connection.cursor(cursor_factory=self._module.extensions.cursor) as cursor:
                cursor.execute(sql)
                row = cursor.fetchone() if cursor.description else None
                warned = any(notice.startswith("WARNING") for notice in connection.notices)
                return Reply(tag=cursor.statusmessage or "", values=tuple(row or ()), warned=warned)
        except self._module.Error as error:
            lost = connection.closed != 0 or not error.pgcode
            return Reply(lost=lost, sqlstate=error.pgcode or "", text=str(error).strip())
        finally:
            connection.notices = theirs

    def failed(self) -> bool:
        return False  # the server knows

    def end(self) -> None:
        if not self._connection.closed:
            self._connection.autocommit = self._autocommit


class _MySql:
    """PyMySQL and mysqlclient: connections with query, cursor, autocommit, get_autocommit."""

    dialect = MARIADB
    LOST = (0, 2006, 2013, 2055)
    NO_SUCH_VARIABLE, IN_TRANSACTION = 1193, 1568

    def __init__(self, connection: Any, cursor: Any, errors: tuple[type[Exception], ...]) -> None:
        self._connection = connection
        self._cursor = cursor
        self._errors = errors
        self._autocommit = bool(connection.get_autocommit())
        self._failed = False
        self._mine = False  # the library's statement runs, not the application's
        self._query = vars(connection).get("query")  # of the connection alone, if somebody has replaced it

    def _is_in_transaction(self) -> bool:
        """Without autocommit the application's last statement may have begun one, which autocommit would commit."""
        if self._autocommit:
            return False  # one that was begun by hand is refused by the server
        reply = self.run("SELECT @@in_transaction")
        if reply.native != self.NO_SUCH_VARIABLE:
            return bool(reply.values) and int(reply.values[0]) != 0  # without an answer: that shows in a moment
        return self.run("SET TRANSACTION READ WRITE").native == self.IN_TRANSACTION  # MySQL has no such variable

    def begin(self) -> None:
        if self._is_in_transaction():
            raise plain_error(Code.EPROTO, "the connection is in a transaction of its own: commit or roll it back first")
        self._connection.autocommit(True)
        query = self._connection.query

        def watched(*arguments: Any, **more: Any) -> Any:
            try:
                return query(*arguments, **more)
            except BaseException:
                self._failed = self._failed or not self._mine
                raise

        self._connection.query = watched  # every cursor's statements go through it

    def run(self, sql: str) -> Reply:
        self._mine = True
        try:
            with contextlib.closing(self._connection.cursor(self._cursor)) as cursor:
                cursor.execute(sql)
                row = cursor.fetchone() if cursor.description else None
                return Reply(values=tuple(row or ()))
        except self._errors as error:
            number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
            said = str(error.args[1]) if len(error.args) > 1 else str(error)
            return Reply(lost=number in self.LOST, native=number, text=said)
        finally:
            self._mine = False

    def failed(self) -> bool:
        return self._failed

    def end(self) -> None:
        if self._query is not None:
            self._connection.query = self._query
        else:
            vars(self._connection).pop("query", None)  # mysqlclient's lets no attribute be deleted
        with contextlib.suppress(*self._errors):
            self._connection.autocommit(self._autocommit)


def driver_for(connection: Any) -> Driver:
    """The driver for a connection of psycopg2, PyMySQL or mysqlclient."""
    names = {parent.__module__.partition(".")[0] for parent in type(connection).__mro__}
    if "psycopg2" in names:
        return _Psycopg2(connection)
    if "pymysql" in names:
        import pymysql
        import pymysql.cursors
        return _MySql(connection, pymysql.cursors.Cursor, (pymysql.err.Error,))
    if "MySQLdb" in names:
        import MySQLdb
        import MySQLdb.cursors
        return _MySql(connection, MySQLdb.cursors.Cursor, (MySQLdb.Error,))
    raise TypeError(f"a {type(connection).__module__}.{type(connection).__name__} cannot be enlisted: "
                    "psycopg2, PyMySQL and mysqlclient are known; for others give a txcoord.Driver")


# --- the library's view


def _text(value: Any) -> bytes:
    if value is None:
        return b""
    if isinstance(value, bool):
        return b"t" if value else b"f"
    return value if isinstance(value, bytes) else str(value).encode()


def _cut(value: bytes, size: int) -> bytes:
    return value[:size - 1]


def _fill(reply: SqlReply, said: Reply) -> None:
    reply.lost = int(said.lost)
    reply.native = said.native
    reply.sqlstate = _cut(said.sqlstate.encode(), 8)
    reply.tag = _cut(said.tag.encode(), 64)
    reply.text = _cut(said.text.encode(errors="replace"), 256)
    reply.warned = int(said.warned)
    reply.n_values = min(len(said.values), SQL_VALUES)
    for i in range(reply.n_values):
        reply.values[i].value = _cut(_text(said.values[i]), SQL_VALUE_SIZE)


_lock = threading.Lock()
_in_use: set[int] = set()  # the id of each connection that is enlisted


class Enlisted:
    """One enlisted connection: keeps what the library calls until the transaction's handle is gone."""

    def __init__(self, connection: Any) -> None:
        driver: Driver = connection if is_driver(connection) else driver_for(connection)
        self._connection = connection
        self._driver = driver
        self._process = 0  # that of which the connection is, once it is enlisted
        self.failure: Optional[BaseException] = None  # a driver's own, which no caller has seen
        self.table = EnlistDriver(dialect=driver.dialect, run=RunFunction(self._run), release=ReleaseFunction(self._release),
                                  failed=FailedFunction(self._failed))

    def begin(self) -> None:
        with _lock:
            if id(self._connection) in _in_use:
                raise plain_error(Code.EPROTO, "the connection is enlisted in a transaction already")
            _in_use.add(id(self._connection))
        try:
            self._driver.begin()
        except BaseException:
            self._leave()
            raise
        self._process = os.getpid()

    def _leave(self) -> None:
        with _lock:
            _in_use.discard(id(self._connection))

    @contextlib.contextmanager
    def _kept(self) -> Iterator[None]:
        """No exception may leave a function that C has called."""
        try:
            yield
        except BaseException as failure:
            self.failure = failure

    def _run(self, _arg: Any, sql: bytes, reply: Any) -> None:
        reply.contents.lost = 1  # unless it is told otherwise
        with self._kept():
            _fill(reply.contents, self._driver.run(sql.decode()))

    def _failed(self, _arg: Any) -> int:
        failed = 1
        with self._kept():
            failed = int(self._driver.failed())
        return failed

    def _release(self, _arg: Any) -> None:
        if self._process == os.getpid():  # in a forked child the session is the parent's, and nothing is said on it
            with self._kept():
                self._driver.end()
        if self._process:
            self._process = 0
            self._leave()
