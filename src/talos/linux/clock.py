"""The system clock: reading its discipline, setting it at once, slewing it (adjtimex(2), clock_settime(2))."""

from __future__ import annotations

import ctypes
import time

from msgspec import Struct

from talos.linux.libc import check, libc

_ADJ_OFFSET = 0x0001
_ADJ_MAXERROR = 0x0004
_ADJ_ESTERROR = 0x0008
_ADJ_STATUS = 0x0010
_ADJ_TIMECONST = 0x0020
_ADJ_SETOFFSET = 0x0100
_ADJ_NANO = 0x2000
_STA_PLL = 0x0001
_STA_UNSYNC = 0x0040
_STA_NANO = 0x2000
_FLAGS = {
    0x0001: "STA_PLL", 0x0002: "STA_PPSFREQ", 0x0004: "STA_PPSTIME", 0x0008: "STA_FLL", 0x0010: "STA_INS",
    0x0020: "STA_DEL", 0x0040: "STA_UNSYNC", 0x0080: "STA_FREQHOLD", 0x0100: "STA_PPSSIGNAL", 0x1000: "STA_CLOCKERR",
    0x2000: "STA_NANO", 0x4000: "STA_MODE", 0x8000: "STA_CLK",
}  # fmt: skip
_STATES = ("TIME_OK", "TIME_INS", "TIME_DEL", "TIME_OOP", "TIME_WAIT", "TIME_ERROR")


class _Timeval(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("fraction", ctypes.c_long))


class _Timex(ctypes.Structure):
    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("constant", ctypes.c_long),
        ("precision", ctypes.c_long),
        ("tolerance", ctypes.c_long),
        ("time", _Timeval),
        ("tick", ctypes.c_long),
        ("rest", ctypes.c_long * 16),
    )


class Adjtime(Struct, frozen=True):
    """State of the kernel's clock discipline."""

    offset_ns: int
    frequency_ppm: float
    max_error_us: int
    estimated_error_us: int
    status: str
    constant: int
    synchronized: bool
    state: str


def _adjtimex(timex: _Timex, what: str) -> int:
    return check(libc().adjtimex(ctypes.byref(timex)), what)


def adjtime() -> Adjtime:
    """Read without changing anything."""
    timex = _Timex()
    state = _adjtimex(timex, "adjtimex")
    offset = timex.offset if timex.status & _STA_NANO else timex.offset * 1000
    return Adjtime(
        offset_ns=offset,
        frequency_ppm=timex.freq / 65536,
        max_error_us=timex.maxerror,
        estimated_error_us=timex.esterror,
        status=" | ".join(name for bit, name in _FLAGS.items() if timex.status & bit),
        constant=timex.constant,
        synchronized=not timex.status & _STA_UNSYNC,
        state=_STATES[state] if state < len(_STATES) else str(state),
    )


def step(offset_s: float, *, synchronized: bool = True) -> None:
    """Move the clock by offset_s at once; needs CAP_SYS_TIME. Not synchronized: the kernel is not told that it is
    right, so it leaves the battery-backed clock alone."""
    nanoseconds = round(offset_s * 1e9)
    seconds, rest = divmod(nanoseconds, 10**9)
    timex = _Timex(modes=_ADJ_SETOFFSET | _ADJ_NANO, time=_Timeval(seconds, rest))
    _adjtimex(timex, "set the clock")
    if synchronized:
        _mark_synchronized(0)


def slew(offset_s: float) -> None:
    """Let the kernel's PLL absorb a small offset (at most 0.5 s)."""
    _mark_synchronized(round(offset_s * 1e9))


def _mark_synchronized(offset_ns: int) -> None:
    timex = _Timex(
        modes=_ADJ_OFFSET | _ADJ_STATUS | _ADJ_NANO | _ADJ_TIMECONST | _ADJ_MAXERROR | _ADJ_ESTERROR,
        offset=offset_ns,
        status=_STA_PLL,
        constant=7,
    )
    _adjtimex(timex, "slew the clock")


def now_s() -> float:
    """Seconds since the Unix epoch."""
    return time.time()
