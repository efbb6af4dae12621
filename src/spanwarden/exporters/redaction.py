"""What leaves the process about matched text."""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec

from spanwarden.exporters.base import Notice
from spanwarden.model.finding import Evidence, Finding


def presentable(notice: Notice, content: Literal["redacted", "full"]) -> Notice:
    """Return the notice as an exporter with this `content` setting may send it."""
    if content == "full" or notice.redacted:
        return notice
    return msgspec.structs.replace(notice, findings=tuple(map(redacted, notice.findings)))


def redacted(finding: Finding) -> Finding:
    """Return the finding with the words of its evidence replaced by their length and a short digest."""
    evidence = tuple(msgspec.structs.replace(item, text=_mask(item)) for item in finding.evidence)
    return msgspec.structs.replace(finding, evidence=evidence)


def _mask(evidence: Evidence) -> str | None:
    if evidence.text is None:
        return None
    digest = hashlib.blake2b(evidence.text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
    return f"[{len(evidence.text)} characters, blake2b {digest}]"
