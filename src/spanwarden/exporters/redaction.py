"""What leaves the process about matched text."""

from __future__ import annotations

import hashlib

import msgspec

from spanwarden.model.finding import Evidence, Finding


def redacted(finding: Finding) -> Finding:
    """Return the finding with the words of its evidence replaced by their length and a short digest."""
    evidence = tuple(msgspec.structs.replace(item, text=_mask(item)) for item in finding.evidence)
    return msgspec.structs.replace(finding, evidence=evidence)


def _mask(evidence: Evidence) -> str | None:
    if evidence.text is None:
        return None
    digest = hashlib.blake2b(evidence.text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
    return f"[{len(evidence.text)} characters, blake2b {digest}]"
