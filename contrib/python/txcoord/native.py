"""libtxcoord's C API (txcoord/txcoord.h) as ctypes sees it.  Nothing else here touches a pointer's type."""
from __future__ import annotations

import ctypes
import ctypes.util
import os
from ctypes import CFUNCTYPE, POINTER, byref, c_char, c_char_p, c_int, c_int64, c_size_t, c_uint32, c_void_p
from typing import Any, Optional

from .codes import Code
from .errors import Error, error_class

SONAME = "libtxcoord.so.0"
SQL_VALUES, SQL_VALUE_SIZE = 8, 96


class ClientOptions(ctypes.Structure):
    _fields_ = [("connect_timeout_ms", c_uint32), ("max_transactions", c_uint32)]


class TxOptions(ctypes.Structure):
    _fields_ = [("timeout_ms", c_uint32), ("isolation", c_int), ("commit_return", c_int), ("mode", c_char_p)]


class Param(ctypes.Structure):
    _fields_ = [("value", c_char_p), ("size", c_size_t)]


class ErrorInfo(ctypes.Structure):
    _fields_ = [("code", c_int), ("native", c_int), ("sqlstate", c_char_p), ("rm", c_char_p), ("text", c_char_p)]


class SqlReply(ctypes.Structure):
    _fields_ = [("lost", c_int), ("native", c_int), ("sqlstate", c_char * 8), ("tag", c_char * 64), ("text", c_char * 256),
                ("warned", c_int), ("n_values", c_int), ("values", (c_char * SQL_VALUE_SIZE) * SQL_VALUES)]


RunFunction = CFUNCTYPE(None, c_void_p, c_char_p, POINTER(SqlReply))
ReleaseFunction = CFUNCTYPE(None, c_void_p)
FailedFunction = CFUNCTYPE(c_int, c_void_p)


class EnlistDriver(ctypes.Structure):
    # send, receive, affected, session, call: NULL; several: 0
    _fields_ = [("dialect", c_int), ("run", RunFunction), ("send", c_void_p), ("receive", c_void_p), ("release", ReleaseFunction),
                ("failed", FailedFunction), ("affected", c_void_p), ("several", c_int), ("session", c_void_p),
                ("call", c_void_p)]


# name: result, arguments
_EXEC = (c_void_p, c_char_p, c_char_p, c_int, POINTER(Param))
_FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "txc_strerror": (c_char_p, (c_int,)),
    "txc_code_name": (c_char_p, (c_int,)),
    "txc_client_new": (c_void_p, (c_char_p, POINTER(ClientOptions))),
    "txc_client_destroy": (None, (POINTER(c_void_p),)),
    "txc_last_error": (ErrorInfo, ()),
    "txc_error_is_retryable": (c_int, (POINTER(ErrorInfo),)),
    "txc_begin": (c_void_p, (c_void_p, POINTER(TxOptions))),
    "txc_tx_destroy": (None, (POINTER(c_void_p),)),
    "txc_tx_gtrid": (c_char_p, (c_void_p,)),
    "txc_tx_error": (ErrorInfo, (c_void_p,)),
    "txc_exec": (c_int, (*_EXEC, POINTER(c_void_p))),
    "txc_exec_last": (c_int, (*_EXEC, POINTER(c_void_p))),
    "txc_exec_async": (c_int, (*_EXEC, c_int)),
    "txc_wait": (c_int, (c_void_p,)),
    "txc_savepoint": (c_int, (c_void_p, c_char_p, c_char_p)),
    "txc_rollback_to": (c_int, (c_void_p, c_char_p, c_char_p)),
    "txc_release": (c_int, (c_void_p, c_char_p, c_char_p)),
    "txc_commit_within": (c_int, (c_void_p, c_uint32, POINTER(c_int))),
    "txc_rollback": (c_int, (c_void_p,)),
    "txc_outcome": (c_int, (c_void_p, c_char_p, c_uint32)),
    "txc_export": (c_int, (c_void_p, POINTER(c_void_p))),
    "txc_join": (c_void_p, (c_void_p, c_char_p)),
    "txc_detach": (c_int, (c_void_p, POINTER(c_void_p))),
    "txc_reattach": (c_int, (c_void_p, c_char_p)),
    "txc_enlist_cb": (c_int, (c_void_p, c_char_p, POINTER(EnlistDriver), c_void_p)),
    "txc_enlist_failed": (c_int, (c_void_p, c_char_p)),
    "txc_result_destroy": (None, (POINTER(c_void_p),)),
    "txc_result_rows": (c_int, (c_void_p,)),
    "txc_result_columns": (c_int, (c_void_p,)),
    "txc_result_affected": (c_int64, (c_void_p,)),
    "txc_result_name": (c_char_p, (c_void_p, c_int)),
    "txc_result_type": (c_char_p, (c_void_p, c_int)),
    "txc_result_value": (c_void_p, (c_void_p, c_int, c_int, POINTER(c_size_t))),
    "txc_result_tag": (c_char_p, (c_void_p,)),
}


def _load() -> ctypes.CDLL:
    name = os.environ.get("TXCOORD_LIBRARY", SONAME)
    try:
        library = ctypes.CDLL(name)
    except OSError as failure:
        raise ImportError(f"cannot load {name}: {failure}; install libtxcoord, or let TXCOORD_LIBRARY name the file") from failure
    for function, (result, arguments) in _FUNCTIONS.items():
        try:
            entry = getattr(library, function)
        except AttributeError:
            raise ImportError(f"{name} is of another version: it has no {function}") from None
        entry.restype = result
        entry.argtypes = arguments
    return library


lib = _load()
_libc = ctypes.CDLL(None)
_libc.free.argtypes = (c_void_p,)


def text(value: Optional[bytes]) -> str:
    return (value or b"").decode(errors="replace")


def make_error(info: ErrorInfo, gtrid: str = "", code: Optional[int] = None) -> Error:
    """The exception for an error of the library; valid beyond the library's next call.  code: the outcome that it is
    the cause of."""
    what = Code(info.code if code is None else code)
    return error_class(what)(what, text(info.text), rm=text(info.rm), sqlstate=text(info.sqlstate), native=info.native,
                             retryable=bool(lib.txc_error_is_retryable(byref(info))), gtrid=gtrid, cause=Code(info.code))


def plain_error(code: int, said: str = "", gtrid: str = "") -> Error:
    """The exception for a code that came without more."""
    return make_error(ErrorInfo(code, 0, b"", b"", said.encode() if said else lib.txc_strerror(code)), gtrid)


def take_string(pointer: c_void_p) -> str:
    """Makes a string of one that the library allocated, and frees that."""
    try:
        return text(ctypes.string_at(pointer.value or 0)) if pointer.value else ""
    finally:
        _libc.free(pointer)


def milliseconds(seconds: Optional[float], what: str) -> int:
    """None is the library's default, which is 0 there."""
    if seconds is None:
        return 0
    if not 0 < seconds <= 4294967:
        raise ValueError(f"{what} is to be in seconds, above 0 and below 4,294,968")
    return max(1, round(seconds * 1000))


def count(value: int, what: str) -> int:
    """0 is the library's default."""
    if not 0 <= value < 1 << 32:
        raise ValueError(f"{what} is to be at least 0 and below 4,294,967,296")
    return value


def encode(value: str, what: str) -> bytes:
    """A C string."""
    if not isinstance(value, str):
        raise TypeError(f"{what} is to be a str, not {type(value).__name__}")
    if "\0" in value:
        raise ValueError(f"{what} has a NUL in it")
    return value.encode()
