"""Allocator settings for large requests."""

from __future__ import annotations

import ctypes
import gc
import os
import sys

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3


def tune() -> None:
    """Let glibc reuse memory of large requests instead of mapping it anew, and let the collector run less often.

    Large gRPC messages are bound by page faults otherwise; this was the largest single gain measured
    (../shared/reference/performance.md §2). SPANWARDEN_MALLOPT=0 leaves the allocator alone.
    """
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
