"""Find text that gives orders to an agent, in text that has no business giving any."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from typing import NamedTuple

import re2

from spanwarden.detectors.cues import CUES, Cue
from spanwarden.detectors.folding import Folded, fold
from spanwarden.detectors.scanning import PatternSet, options
from spanwarden.detectors.spelling import SLIPPED, mend
from spanwarden.detectors.texts import MAX_TEXT, pieces

THRESHOLD = 2
"""Sum of the weights of distinct cue families from which a block counts as an instruction."""
_GAP = 420
"""Cues nearer than this belong to one block."""
_NEXT = 60
"""An opening cue this far after a closing one begins the next block."""
_MAX_HITS = 24
_MAX_CHUNKS = 8
_MAX_DEPTH = 2
_MAX_CHUNK = 4_096
_AFTER = 400
_MARKUP_REACH = 3_000
_MIN_BODY = 12
_MAX_KNOWN = 4_096


class Span(NamedTuple):
    """A block of instruction-like text: where it starts and ends, which cue families it shows and their weight."""

    start: int
    end: int
    families: tuple[str, ...]
    score: int
    decoded: str = ""
    """What the block says where it was encoded, else empty."""


class Scan(NamedTuple):
    """What was found in one text. `truncated` tells that only the head and the tail were looked at."""

    spans: tuple[Span, ...]
    truncated: bool


_NOTHING = Scan((), False)


class _Hit(NamedTuple):
    start: int
    end: int
    cue: Cue


_ENCODED = rb"[A-Za-z0-9+/_-]{28,}={0,2}"
_OPTIONS = options(case_sensitive=False)
_SCAN = PatternSet([*(cue.pattern for cue in CUES), _ENCODED, SLIPPED], case_sensitive=False)
_ENCODED_INDEX, _SLIPPED_INDEX = len(CUES), len(CUES) + 1
_BOUNDARY = re2.compile(
    rb"\n[ \t]*\n|\n[ \t]*- \w|\n[ \t]*[\w ]{2,24}: |\\n\\n|</\w+>|-{5,}|[\"'], ?[\"']|[\"']\}", _OPTIONS
)
_SENTENCE_START = re2.compile(rb"[.!?\n>:\"']\s|[.!?]((?-i:[A-Z]))", _OPTIONS)
_SENTENCE_END = re2.compile(rb"[.!?](?:\s|$)|\n\s*\n|\n[ \t]*- \w|\\n|[\"']", _OPTIONS)
_OPEN_TAG = re2.compile(rb"^<\s*([\w-]{2,24})\s*>", _OPTIONS)


_KNOWN: dict[tuple[bytes, int, int], Scan] = {}
"""Scans of texts with cues by their digest: agents read the same pages, mails and files again and again."""


def find_instructions(text: str, threshold: int = THRESHOLD, limit: int = MAX_TEXT) -> Scan:
    """Return the blocks of `text` that read like instructions to an agent, in order, none overlapping.

    Looks through characters that hide words (see `folding`), slips of spelling (`spelling`) and base64. Of a text
    longer than `limit` characters the head and the tail are looked at. Takes linear time and never raises on any text.
    """
    parts = pieces(text, limit)
    marked = [_marked(part) for _, part in parts]
    if not any(found.matched for found in marked):  # most texts, and telling so costs little more than knowing them
        return _NOTHING if len(parts) == 1 else Scan((), True)
    key = (hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest(), threshold, limit)
    known = _KNOWN.get(key)
    if known is None:
        spans = [
            span
            for (offset, part), found in zip(parts, marked, strict=True)
            for span in _scan(part, found, offset, threshold)
        ]
        known = Scan(tuple(spans), len(parts) > 1)
        if len(_KNOWN) >= _MAX_KNOWN:
            _KNOWN.clear()
        _KNOWN[key] = known
    return known


def forget() -> None:
    """Forget the texts that had cues; for benches, which would else measure the memory."""
    _KNOWN.clear()


class _Marked(NamedTuple):
    """A text to match patterns on, and which of them occur in it."""

    folded: Folded
    data: bytes
    matched: list[int]


def _marked(part: str) -> _Marked:
    folded = fold(part)
    data = folded.data
    if b"\\" in data:
        data = data.replace(b"\\n", b" \n").replace(b'\\"', b' "')
    return _Marked(folded, data, _SCAN.occurring(data))


def _scan(part: str, marked: _Marked, offset: int, threshold: int, depth: int = 0) -> Iterable[Span]:
    folded, data, matched = marked
    if not matched:
        return
    shifts: list[tuple[int, int]] = []
    if _SLIPPED_INDEX in matched:
        data, shifts = mend(data)
        matched = _SCAN.occurring(data) if shifts else matched
    hits = [
        _Hit(start, end, CUES[index])
        for index in matched
        if index < _ENCODED_INDEX
        for start, end in _SCAN.spans(index, data, _MAX_HITS)
    ]

    def place(at: int) -> int:
        gained = 0
        for position, gain in shifts:
            if position > at:
                break
            gained += gain
        return offset + folded.original(max(0, at - gained), len(part))

    hidden = 1 if folded.hidden >= 3 else 0
    for cluster in _clusters(data, sorted(hits, key=lambda hit: (hit.start, -hit.end))):
        weights: dict[str, int] = {}
        for hit in cluster:
            weights[hit.cue.family] = max(weights.get(hit.cue.family, 0), hit.cue.weight)
        if hidden:
            weights["hidden-characters"] = hidden
        score = sum(weights.values())
        if score >= threshold:
            start, end = _extent(data, cluster)
            yield Span(place(start), place(end), tuple(sorted(weights)), score)
    if _ENCODED_INDEX in matched and depth < _MAX_DEPTH:
        for start, end in _SCAN.spans(_ENCODED_INDEX, data, _MAX_CHUNKS):
            decoded = _decoded(data[start : min(end, start + _MAX_CHUNK)])
            inner = list(_scan(decoded, _marked(decoded), 0, threshold, depth + 1)) if decoded else []
            if inner:
                families = {"encoded", *(family for span in inner for family in span.families)}
                score = max(span.score for span in inner) + 1
                yield Span(place(start), place(end), tuple(sorted(families)), score, decoded)


def _clusters(data: bytes, hits: list[_Hit]) -> list[list[_Hit]]:
    clusters: list[list[_Hit]] = []
    end = 0
    closed = False
    for hit in hits:
        closing = hit.cue.place == "end" or data[hit.start : hit.start + 2] == b"</"
        again = closed and not closing and hit.cue.place == "start" and hit.start > end + _NEXT
        if clusters and hit.start <= end + _GAP and not again:
            clusters[-1].append(hit)
            end = max(end, hit.end)
            closed |= closing
        else:
            clusters.append([hit])
            end = hit.end
            closed = closing
    return clusters


def _extent(data: bytes, cluster: list[_Hit]) -> tuple[int, int]:
    """Return where the block starts and ends: from the first cue's sentence to a closing cue or a paragraph's end."""
    first = cluster[0].start
    before = max(0, first - 120)
    starts = [match.end() - bool(match.group(1)) for match in _SENTENCE_START.finditer(data, before, first + 1)]
    starts = [begin for begin in starts if begin <= first]
    start = starts[-1] if starts else before if before == 0 else first
    last = max(hit.end for hit in cluster)
    for hit in cluster:
        opened = _OPEN_TAG.search(data[hit.start : hit.end])
        if opened:
            closing = data.lower().find(b"</" + opened.group(1).lower() + b">", hit.end, hit.end + _MARKUP_REACH)
            if closing >= 0:
                return start, max(last, closing)
    if any(hit.cue.place == "end" for hit in cluster):
        ending = _SENTENCE_END.search(data, last, min(len(data), last + 120))
        return start, ending.start() if ending else last
    body = last
    while body < len(data) and data[body : body + 1] in b" \t\r\n:\"'":
        body += 1
    stop = min(len(data), last + _AFTER)
    boundary = _BOUNDARY.search(data, min(body + _MIN_BODY, stop), stop)
    return start, boundary.start() if boundary else stop


def _decoded(chunk: bytes) -> str:
    plain = chunk.rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
    plain = plain[: len(plain) - (len(plain) % 4 == 1)]
    try:
        text = base64.b64decode(plain + b"=" * (-len(plain) % 4)).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    readable = sum(character.isprintable() or character.isspace() for character in text)
    return text if " " in text and readable == len(text) else ""
