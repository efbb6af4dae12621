"""Extra request headers from the settings: checked once at start, never shown."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from spanwarden.configuration.section import Secret

_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")  # RFC 9110 §5.6.2, lower case


def checked(headers: Mapping[str, Secret], reserved: Collection[str] = ()) -> dict[str, str]:
    """Return names in lower case with their values in the clear.

    Raises ValueError for a name that is no token, is set twice or belongs to the exporter (`reserved`, lower case),
    and for a value that is not printable ASCII. The text never holds a value.
    """
    result: dict[str, str] = {}
    for name, secret in headers.items():
        lower = name.lower()
        if not lower or not _TOKEN.issuperset(lower):
            raise ValueError(f"headers: {name!r} is not a header name")
        if lower in reserved:
            raise ValueError(f"headers: {name!r} is set by the exporter itself")
        if lower in result:
            raise ValueError(f"headers: {name!r} is set twice")
        value = secret.get_secret_value()
        if not value.isascii() or not value.isprintable():
            raise ValueError(f"headers: the value of {name!r} is not printable ASCII")
        result[lower] = value
    return result
