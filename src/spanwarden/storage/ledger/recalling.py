"""What a restart needs to know of runs that were told of before it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import msgspec

MOST = 200_000


class _Summary(msgspec.Struct):
    trace_ids: tuple[str, ...] = ()


def told(connection: sqlite3.Connection, since: int) -> Iterator[tuple[str, tuple[bytes, ...]]]:
    """Yield the ids and trace ids of runs decided since a time (ns since the epoch), the first told first.

    Of very many, the newest. Runs that became part of another one are left out.
    """
    decoder = msgspec.json.Decoder(_Summary)
    rows = connection.execute(
        """SELECT id, summary FROM (SELECT number, id, summary FROM runs WHERE decided >= ? AND absorbed_by IS NULL
                                    ORDER BY decided DESC LIMIT ?) ORDER BY number""",
        (since, MOST),
    )
    for run_id, summary in rows:
        yield run_id, tuple(bytes.fromhex(trace_id) for trace_id in decoder.decode(summary).trace_ids)
