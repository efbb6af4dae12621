"""Settings of the interpreter and its allocator for a process that answers while it reads and judges."""

from __future__ import annotations

import ctypes
import gc
import os
import sys

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_TURN = 0.001
"""Seconds after which a thread that computes lets another have its turn. An acknowledgement takes four turns (receiver,
journal, journal after its sync, receiver), each of which waits for the thread that judges: 20 ms with Python's 5 ms."""


def tune() -> None:
    """Let threads take short turns, glibc reuse memory of large requests, and the garbage collector run less often.

    Large gRPC messages are bound by page faults otherwise; this was the largest single gain measured
    (../shared/reference/performance.md §2). SPANWARDEN_MALLOPT=0 leaves the allocator alone.
    """
    sys.setswitchinterval(_TURN)
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    if not sys.platform.startswith("linux") or os.environ.get("SPANWARDEN_MALLOPT") == "0":
        return
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    mallopt(_M_MMAP_THRESHOLD, 64 << 20)
    mallopt(_M_TRIM_THRESHOLD, 512 << 20)
