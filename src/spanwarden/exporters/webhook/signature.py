"""Signatures by the Standard Webhooks specification 1.0: HMAC-SHA256 over id, timestamp and body."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

_PREFIX = "whsec_"


def keys(secret: str) -> tuple[bytes, ...]:
    """Return the signing keys in a setting that holds one or more secrets separated by blanks.

    A secret with the prefix `whsec_` is base64, as the specification writes them; any other text is the key itself.
    Raises ValueError, which does not quote the secret, where one is not base64 or empty.
    """
    found = tuple(_key(number, word) for number, word in enumerate(secret.split(), 1))
    if not found:
        raise ValueError("secret: is empty")
    return found


def signature(signing_keys: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of the `webhook-signature` header: one `v1,…` for each key, separated by blanks."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    digests = (hmac.new(key, signed, hashlib.sha256).digest() for key in signing_keys)
    return " ".join("v1," + base64.b64encode(digest).decode("ascii") for digest in digests)


def _key(number: int, word: str) -> bytes:
    if not word.startswith(_PREFIX):
        return word.encode()
    try:
        key = base64.b64decode(word.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise ValueError(f"secret: number {number} starts with {_PREFIX} but is not base64 after it")
    return key
