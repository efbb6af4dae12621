"""Whether a call was carried out, as far as its own result says."""

from __future__ import annotations

from typing import Any, Literal

import re2

from spanwarden.detectors.folding import fold
from spanwarden.detectors.texts import leaves

Outcome = Literal["done", "pending", "failed"]
_SHORT = 400

_OPTIONS = re2.Options()
_OPTIONS.case_sensitive = False
_FAILED = re2.compile(
    rb"^\W{0,8}(?:\w{0,24}(?:error|exception)\b|traceback\b|"
    rb"(?:error|failed|failure|denied|forbidden|unauthori[sz]ed|invalid|"
    rb"access denied|permission denied|not allowed|blocked|cannot|can't|could not|unable to|no such)\b)"
    rb"|\b(?:was|has been|is|were|data) (?:blocked|denied|refused|rejected|not found|not allowed|not permitted)\b"
    rb"|\bdoes not exist\b|\bnot authori[sz]ed\b|\binsufficient (?:funds|balance|permissions?)\b",
    _OPTIONS,
)
_PENDING = re2.compile(
    rb"\b(?:please|must|should|need to|have to|required to) (?:first )?"
    rb"(?:verify|confirm|approve|log ?in|sign in|authenticate|authori[sz]e)\b"
    rb"|\b(?:verification|confirmation|approval|authentication|login) (?:is )?(?:required|needed|pending)\b"
    rb"|\b(?:awaiting|waiting for|pending) (?:your |user |manual )?(?:verification|confirmation|approval|review)\b"
    rb"|\bone[- ]time (?:password|code)\b.{0,40}\bsent\b",
    _OPTIONS,
)


def outcome(result: Any, error: str | None) -> Outcome:
    """Tell whether a call was done, failed, or waits for something (a verification, an approval)."""
    if error:
        return "failed"
    texts = leaves(result, "result")
    if len(texts) > 8 or sum(len(leaf.text) for leaf in texts) > _SHORT:
        return "done"
    for leaf in texts:
        data = fold(leaf.text).data
        if _PENDING.search(data):
            return "pending"
        if _FAILED.search(data):
            return "failed"
    return "done"
