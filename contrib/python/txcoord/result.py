"""Results of statements."""
from __future__ import annotations

import ctypes
import datetime
import decimal
import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Union, overload

from .native import lib, text

Value = Union[None, str, bytes, int, float, bool, decimal.Decimal, datetime.date, datetime.datetime, Any]


class Column(NamedTuple):
    name: str
    type: str  # the resource manager's name of it: "int8", "BIGINT UNSIGNED"


def _bytea(value: bytes) -> bytes:
    return bytes.fromhex(value[2:].decode()) if value.startswith(b"\\x") else value


def _text(value: bytes) -> Union[str, bytes]:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value  # a database of another encoding


def _moment(value: str) -> datetime.datetime:
    """Before Python 3.11 fromisoformat takes a fraction of three digits or of six only; databases drop zeros."""
    seconds, point, fraction = value.partition(".")
    return datetime.datetime.fromisoformat(f"{seconds}.{fraction:0<6}" if point else value)


def _or_text(convert: Callable[[str], Any]) -> Callable[[bytes], Any]:
    """What the type cannot hold stays text: infinity, 24:00:00, 0000-00-00."""

    def converted(value: bytes) -> Any:
        try:
            return convert(value.decode())
        except (ValueError, ArithmeticError):
            return _text(value)

    return converted


# By the names that the plugins give: PostgreSQL's in small letters, MariaDB's and MySQL's in capitals.
_CONVERTERS: dict[str, Callable[[bytes], Any]] = {
    "bool": lambda value: value == b"t",
    "bytea": _bytea,
    **dict.fromkeys(("int2", "int4", "int8", "oid", "TINYINT", "SMALLINT", "MEDIUMINT", "INT", "BIGINT", "YEAR"), int),
    **dict.fromkeys(("float4", "float8", "FLOAT", "DOUBLE"), float),
    **dict.fromkeys(("numeric", "DECIMAL"), _or_text(decimal.Decimal)),
    **dict.fromkeys(("date", "DATE"), _or_text(datetime.date.fromisoformat)),
    **dict.fromkeys(("timestamp", "DATETIME", "TIMESTAMP"), _or_text(_moment)),
    **dict.fromkeys(("json", "jsonb", "JSON"), _or_text(json.loads)),
    **dict.fromkeys(("BINARY", "VARBINARY", "BLOB", "BIT", "GEOMETRY"), bytes),
}


def _converter(type_name: str) -> Callable[[bytes], Any]:
    return _CONVERTERS.get(type_name.removesuffix(" UNSIGNED"), _text)


class Result:
    """What a statement gave: a sequence of rows, each a tuple of Python values; None is SQL's NULL.

    columns    names and types
    affected   rows that it changed, -1 if that is not known
    tag        the resource manager's command tag ("UPDATE 1"), "" if it has none
    """

    def __init__(self, columns: tuple[Column, ...], rows: list[tuple[Value, ...]], affected: int, tag: str) -> None:
        self.columns = columns
        self.rows = rows
        self.affected = affected
        self.tag = tag

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[tuple[Value, ...]]:
        return iter(self.rows)

    @overload
    def __getitem__(self, index: int) -> tuple[Value, ...]: ...

    @overload
    def __getitem__(self, index: slice) -> list[tuple[Value, ...]]: ...

    def __getitem__(self, index: Union[int, slice]) -> Union[tuple[Value, ...], list[tuple[Value, ...]]]:
        return self.rows[index]

    def __repr__(self) -> str:
        return f"<txcoord.Result {self.tag!r}: {len(self.rows)} rows, {self.affected} affected>"

    def dicts(self) -> list[dict[str, Value]]:
        """The rows by the names of their columns; of columns with one name the last counts."""
        names = [column.name for column in self.columns]
        return [dict(zip(names, row)) for row in self.rows]

    def scalar(self) -> Value:
        """The value of a result of one row and one column."""
        if len(self.rows) != 1 or len(self.columns) != 1:
            raise ValueError(f"the result has {len(self.rows)} rows and {len(self.columns)} columns, not one of each")
        return self.rows[0][0]


def read_result(handle: ctypes.c_void_p) -> Result:
    """Copies a result of the library and frees it."""
    try:
        return _read(handle)
    finally:
        lib.txc_result_destroy(ctypes.byref(handle))


def _read(handle: ctypes.c_void_p) -> Result:
    indexes = range(lib.txc_result_columns(handle))
    columns = tuple(Column(text(lib.txc_result_name(handle, i)), text(lib.txc_result_type(handle, i))) for i in indexes)
    converters = [_converter(column.type) for column in columns]
    size = ctypes.c_size_t()

    def value(row: int, column: int) -> Value:
        data = lib.txc_result_value(handle, row, column, ctypes.byref(size))
        return None if data is None else converters[column](ctypes.string_at(data, size.value))

    rows = [tuple(value(row, column) for column in indexes) for row in range(lib.txc_result_rows(handle))]
    return Result(columns, rows, lib.txc_result_affected(handle), text(lib.txc_result_tag(handle)))
