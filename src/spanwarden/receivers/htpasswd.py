"""Apache's htpasswd lines: bcrypt, MD5 (apr1), SHA-1 and plain text."""

from __future__ import annotations

import base64
import hashlib
import hmac
import importlib
import importlib.util

_BCRYPT = ("$2y$", "$2b$", "$2a$")
_ITOA64 = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Passwords:
    """User names and what stands for their passwords. Raises ValueError, which names the line and never its text."""

    def __init__(self, text: str) -> None:
        self._users: dict[str, str] = {}
        for number, line in enumerate(text.splitlines(), 1):
            stripped = line.strip()
            if not stripped or stripped.startswith("#"):
                continue
            user, colon, stored = stripped.partition(":")
            if not user or not colon or not stored:
                raise ValueError(f"line {number}: expected user:password")
            if stored.startswith(_BCRYPT) and importlib.util.find_spec("bcrypt") is None:
                raise ValueError(f"line {number}: bcrypt hashes need the package bcrypt: install spanwarden[bcrypt]")
            if stored.startswith("$") and not stored.startswith((*_BCRYPT, "$apr1$")):
                raise ValueError(f"line {number}: this kind of hash is not supported; use bcrypt, apr1 or SHA")
            self._users[user] = stored

    def get(self, user: str) -> str | None:
        """Return what stands for a user's password, None for an unknown user."""
        return self._users.get(user)

    @staticmethod
    def matches(stored: str, password: str) -> bool:
        """Tell whether a password is the one that `stored` stands for."""
        secret = password.encode()
        if stored.startswith(_BCRYPT):
            bcrypt = importlib.import_module("bcrypt")
            try:
                # Longer passwords never had more than their first 72 bytes looked at.
                return bool(bcrypt.checkpw(secret[:72], stored.encode()))
            except ValueError:
                return False
        if stored.startswith("$apr1$"):
            salt = stored.split("$")[2]
            return hmac.compare_digest(apr1(secret, salt).encode(), stored.encode())
        if stored.startswith("{SHA}"):
            digest = base64.b64encode(hashlib.sha1(secret, usedforsecurity=False).digest())
            return hmac.compare_digest(b"{SHA}" + digest, stored.encode())
        return hmac.compare_digest(secret, stored.encode())


def apr1(secret: bytes, salt: str) -> str:
    """Return Apache's variant of the MD5 crypt of a password, as `openssl passwd -apr1` does."""

    def md5(*parts: bytes) -> bytes:
        return hashlib.md5(b"".join(parts), usedforsecurity=False).digest()

    salted = salt[:8].encode()
    other = md5(secret, salted, secret)
    first = secret + b"$apr1$" + salted + (other * (len(secret) // 16 + 1))[: len(secret)]
    bits = len(secret)
    while bits:
        first += b"\0" if bits & 1 else secret[:1]
        bits >>= 1
    digest = md5(first)
    for number in range(1000):
        digest = md5(
            secret if number & 1 else digest,
            salted if number % 3 else b"",
            secret if number % 7 else b"",
            digest if number & 1 else secret,
        )
    groups = [(0, 6, 12), (1, 7, 13), (2, 8, 14), (3, 9, 15), (4, 10, 5)]
    text = ""
    for a, b, c in groups:
        text += _to64(digest[a] << 16 | digest[b] << 8 | digest[c], 4)
    return f"$apr1${salt[:8]}${text}{_to64(digest[11], 2)}"


def _to64(value: int, length: int) -> str:
    text = ""
    for _ in range(length):
        text += _ITOA64[value & 63]
        value >>= 6
    return text
