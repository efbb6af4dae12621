"""Who may send: bearer tokens and passwords, read from files that may change, and the tenant each stands for.

Nothing here puts a token, a password or what a client presented into a log line, an error or a repr.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import logging
import pathlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from pydantic import Field, model_validator

from spanwarden.configuration.section import Duration, Secret, Section
from spanwarden.receivers.htpasswd import Passwords

logger = logging.getLogger(__name__)

_MAX_FILE = 1 << 20
_MAX_CREDENTIALS = 8192
_MAX_WAITING = 16
_REMEMBERED = 4096


class TokenSource(Section):
    """Bearer tokens: written here or in a file."""

    token: Secret | None = Field(None, description="The token; write it as ${env:NAME}.")
    filename: str | None = Field(None, description="File of tokens, one a line; it is read again when it changes.")

    @model_validator(mode="after")
    def _something(self) -> TokenSource:
        _check_source(self)
        return self


class BearerTokenAuthSettings(Section):
    """Clients show a bearer token."""

    scheme: str = Field("Bearer", min_length=1, description="The word before the token in the authorization header.")
    token: Secret | None = Field(None, description="The token; write it as ${env:NAME}.")
    filename: str | None = Field(None, description="File of tokens, one a line; it is read again when it changes.")
    tenants: dict[str, TokenSource] = Field(
        {},
        description="Tokens by tenant: each name has a `token` or a `filename`; requests are labelled with the name.",
    )
    reload_interval: Duration = Field(1.0, description="How often files are looked at.")

    @model_validator(mode="after")
    def _something(self) -> BearerTokenAuthSettings:
        if not self.tenants:
            _check_source(self)
        elif self.token is not None and not self.token.get_secret_value():
            raise ValueError("the token is empty")
        return self


class HtpasswdSettings(Section):
    """Users and passwords as in Apache's htpasswd."""

    file: str | None = Field(None, description="File of user:password lines; it is read again when it changes.")
    inline: Secret | None = Field(None, description="The same, written here; these users win over the file's.")

    @model_validator(mode="after")
    def _something(self) -> HtpasswdSettings:
        if not self.file and self.inline is None:
            raise ValueError("needs a file or inline")
        return self


class BasicAuthSettings(Section):
    """Clients show a user name and a password."""

    htpasswd: HtpasswdSettings = Field(description="The users.")
    tenants: dict[str, str] = Field({}, description="Tenant by user name; requests are labelled with it.")
    reload_interval: Duration = Field(1.0, description="How often the file is looked at.")


class Identity(NamedTuple):
    """Whom a request comes from; the tenant is "" if none is configured."""

    tenant: str = ""


class DeniedError(Exception):
    """The credentials are missing or wrong; the text never repeats them."""


class BusyError(Exception):
    """Too many passwords are being verified at the moment."""


class Authenticator(Protocol):
    """Checks the authorization header of requests."""

    challenge: str
    """What a 401 answer says in its www-authenticate header."""

    def quick(self, authorization: str) -> Identity | None:
        """Return who it is, None if that takes `verify` to find out. Raises DeniedError. Never blocks for long."""
        ...

    async def verify(self, authorization: str) -> Identity:
        """Return who it is. Raises DeniedError, BusyError."""
        ...


class BearerTokens:
    """Bearer tokens (RFC 6750). Raises OSError or ValueError when a file cannot be used at the start."""

    def __init__(self, settings: BearerTokenAuthSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self.challenge = settings.scheme
        self._prefix = settings.scheme.lower() + " "
        # Tokens are looked up by a keyed hash: how long that takes tells nothing about them.
        self._salt = secrets.token_bytes(16)
        self._fixed: dict[bytes, Identity] = {}
        self._files: list[tuple[WatchedFile, Identity]] = []
        sources: list[tuple[str, Any]] = [("", settings), *settings.tenants.items()]
        for tenant, source in sources:
            identity = Identity(tenant)
            if source.token is not None:
                self._add(self._fixed, source.token.get_secret_value(), identity)
            if source.filename:
                self._files.append((WatchedFile(source.filename, settings.reload_interval, _tokens, clock), identity))
        self._known: dict[bytes, Identity] = {}
        self._index()

    def quick(self, authorization: str) -> Identity:
        """Return who it is. Raises DeniedError."""
        if len(authorization) > _MAX_CREDENTIALS or authorization[: len(self._prefix)].lower() != self._prefix:
            raise DeniedError("no bearer token")
        changed = [file.refresh() for file, _ in self._files]
        if any(changed):
            try:
                self._index()
            except ValueError as error:
                logger.warning("the new tokens are not used: %s", error)
        identity = self._known.get(self._digest(authorization[len(self._prefix) :].strip()))
        if identity is None:
            raise DeniedError("unknown bearer token")
        return identity

    async def verify(self, authorization: str) -> Identity:
        """Return who it is. Raises DeniedError."""
        return self.quick(authorization)

    def _index(self) -> None:
        known = dict(self._fixed)
        for file, identity in self._files:
            for token in file.content:
                self._add(known, token, identity)
        self._known = known

    def _add(self, known: dict[bytes, Identity], token: str, identity: Identity) -> None:
        other = known.setdefault(self._digest(token), identity)
        if other != identity:
            raise ValueError(f"one token stands for both {_tenant(other)} and {_tenant(identity)}")

    def _digest(self, token: str) -> bytes:
        return hashlib.blake2b(token.encode("utf-8", "replace"), key=self._salt, digest_size=32).digest()


class BasicPasswords:
    """User names and passwords (RFC 7617) from htpasswd lines. Raises OSError or ValueError at the start."""

    challenge = 'Basic realm="spanwarden", charset="UTF-8"'

    def __init__(self, settings: BasicAuthSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._tenants: Mapping[str, str] = settings.tenants
        inline = settings.htpasswd.inline
        self._inline = Passwords(inline.get_secret_value() if inline is not None else "")
        self._file: WatchedFile | None = None
        if settings.htpasswd.file:
            self._file = WatchedFile(settings.htpasswd.file, settings.reload_interval, Passwords, clock)
        self._salt = secrets.token_bytes(16)
        # Slow hashes are the point of a password file; they are paid once per client and not once per request.
        self._verified: OrderedDict[bytes, Identity] = OrderedDict()
        self._turn = asyncio.Semaphore(1)
        self._waiting = 0

    def quick(self, authorization: str) -> Identity | None:
        """Return who it is if that was verified before. Raises DeniedError."""
        if self._file is not None and self._file.refresh():
            self._verified.clear()
        known = self._verified.get(self._digest(authorization))
        if known is None:
            user, _ = _credentials(authorization)
            if self._hash(user) is None:
                raise DeniedError("wrong user or password")
        return known

    async def verify(self, authorization: str) -> Identity:
        """Return who it is. Raises DeniedError, BusyError."""
        known = self.quick(authorization)
        if known is not None:
            return known
        user, password = _credentials(authorization)
        if self._waiting >= _MAX_WAITING:
            raise BusyError
        self._waiting += 1
        try:
            async with self._turn:
                known = self.quick(authorization)
                if known is not None:
                    return known
                stored = self._hash(user)
                if stored is None or not await asyncio.to_thread(Passwords.matches, stored, password):
                    raise DeniedError("wrong user or password")
                if self._hash(user) != stored:
                    raise DeniedError("the password was changed just now")
        finally:
            self._waiting -= 1
        identity = Identity(self._tenants.get(user, ""))
        self._verified[self._digest(authorization)] = identity
        if len(self._verified) > _REMEMBERED:
            self._verified.popitem(last=False)
        return identity

    def _hash(self, user: str) -> str | None:
        return self._inline.get(user) or (self._file.content.get(user) if self._file is not None else None)

    def _digest(self, authorization: str) -> bytes:
        return hashlib.blake2b(authorization.encode("utf-8", "replace"), key=self._salt, digest_size=32).digest()


class WatchedFile:
    """A parsed file that is read again when it has changed; while the new one cannot be used, the old one counts."""

    def __init__(self, name: str, interval: float, parse: Callable[[str], Any], clock: Callable[[], float]) -> None:
        self._path = pathlib.Path(name)
        self._interval = interval
        self._parse = parse
        self._clock = clock
        self._looked = clock()
        self._stamp = self._stat()
        self.content: Any = self._read()

    def refresh(self) -> bool:
        """Look at the file if that is due; tell whether its content has changed."""
        now = self._clock()
        if now - self._looked < self._interval:
            return False
        self._looked = now
        try:
            stamp = self._stat()
            if stamp == self._stamp:
                return False
            self._stamp = stamp
            self.content = self._read()
        except (OSError, ValueError) as error:
            if self._stamp is not None:
                logger.warning("%s is not used as it is now, what it held before counts: %s", self._path, error)
            self._stamp = None
            return False
        logger.info("%s was read again", self._path)
        return True

    def _stat(self) -> tuple[int, int, int] | None:
        stat = self._path.stat()
        return stat.st_mtime_ns, stat.st_size, stat.st_ino

    def _read(self) -> Any:
        if self._path.stat().st_size > _MAX_FILE:
            raise ValueError(f"{self._path}: larger than {_MAX_FILE} bytes")
        try:
            return self._parse(self._path.read_text("utf-8"))
        except ValueError as error:
            reason = "not UTF-8" if isinstance(error, UnicodeDecodeError) else error
            raise ValueError(f"{self._path}: {reason}") from None


def _tokens(text: str) -> list[str]:
    tokens = [line.strip() for line in text.splitlines() if line.strip()]
    if not tokens:
        raise ValueError("holds no token")
    return tokens


def _credentials(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic" or len(encoded) > _MAX_CREDENTIALS:
        raise DeniedError("no user and password")
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        raise DeniedError("no user and password") from None
    if not colon:
        raise DeniedError("no user and password")
    return user, password


def _check_source(source: TokenSource | BearerTokenAuthSettings) -> None:
    if source.token is None and not source.filename:
        raise ValueError("needs a token or a filename")
    if source.token is not None and not source.token.get_secret_value():
        raise ValueError("the token is empty")


def _tenant(identity: Identity) -> str:
    return f"tenant {identity.tenant!r}" if identity.tenant else "no tenant"
