"""Where an event's effects lead: to one's own systems or outside, encrypted or not."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from spanwarden.model.event import Effect, Event
from spanwarden.policy.metadata_table import ENCRYPTED, INTERNAL_ENDINGS

Zone = Literal["external", "unknown", "internal"]
_REACHING = frozenset({"network_fetch", "network_send", "message_send", "vcs_read", "vcs_write"})
_PORTS = {
    "22": True,
    "443": True,
    "993": True,
    "465": True,
    "8443": True,
    "80": False,
    "21": False,
    "23": False,
    "25": False,
}
_OUTSIDE = frozenset({"search", "install", "payment"})
_MAX_HOST = 255
_INSIDE = tuple(
    ipaddress.ip_network(network)
    for network in (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16", "100.64.0.0/10", "0.0.0.0/8",
        "::1/128", "fc00::/7", "fe80::/10",
    )
)  # fmt: skip
"""Networks that nobody reaches from outside; those reserved for documentation are not among them."""
_ENDS = "/\\?#"


class Destination(NamedTuple):
    """One place that an event reached. `host` is None where none is named; `encrypted` is None where nothing tells."""

    host: str | None
    zone: Zone
    encrypted: bool | None
    sends: bool


def destinations(event: Event, own_hosts: Sequence[str]) -> Iterator[Destination]:
    """Yield the places that an event's effects reach, in order; nothing for an event that stays where it is."""
    for effect in event.effects:
        if effect.kind in _REACHING:
            found = _destination(effect, own_hosts)
            if found is not None:
                yield found


def _destination(effect: Effect, own_hosts: Sequence[str]) -> Destination | None:
    target, sends = effect.target, effect.kind in {"network_send", "message_send", "vcs_write"}
    if effect.kind == "message_send":
        domain = target.rpartition("@")[2] if target and "@" in target else None
        if domain is None:
            # A channel or a colleague's name is one's own; without any name nothing is known.
            return Destination(None, "internal" if target else "unknown", None, sends)
        host = domain.strip(" >").lower()
        return Destination(host, zone_of(host, own_hosts), None, sends)
    if effect.kind in {"vcs_read", "vcs_write"}:
        return _repository(effect, own_hosts, sends=sends)
    if effect.detail in _OUTSIDE and not (target and "://" in target):
        return Destination(None, "external", None, sends)
    if target is None:
        return Destination(None, "unknown", None, sends)
    if target[:5].lower() == "file:":
        return None
    named, encrypted = host_of(target)
    return Destination(named, zone_of(named, own_hosts) if named else "unknown", encrypted, sends)


def _repository(effect: Effect, own_hosts: Sequence[str], *, sends: bool) -> Destination | None:
    """Return where a repository is; one that is named by `owner/name` is on a public host, one unnamed is here."""
    target = effect.target or ""
    if "://" in target or "@" in target:
        host, encrypted = host_of(target)
        return Destination(host, zone_of(host, own_hosts) if host else "unknown", encrypted, sends)
    owner, slash, name = target.partition("/")
    if slash and owner and name and "/" not in name and not owner.startswith((".", "~")):
        return Destination(None, "external", True, sends)
    return None


def host_of(target: str) -> tuple[str | None, bool | None]:
    """Return the host in a URL, `host:port`, `user@host:path` or bare host, and whether the way there is encrypted.

    Read as programs that fetch do: a backslash ends the host, what is before the last `@` is a user.
    """
    head, mark, rest = target.strip().partition("://")
    text = rest if mark else head
    authority = text[: min((at for end in _ENDS if (at := text.find(end)) >= 0), default=len(text))]
    user, _, place = authority.rpartition("@")
    host, port = _split_port(place)
    if not host or len(host) > _MAX_HOST or any(c.isspace() for c in host):
        return None, None
    name = host.lower().rstrip(".")
    if mark:
        return name, ENCRYPTED.get(head.lower())
    # user@host:path is how git and scp write an address, which they reach by SSH.
    return name, True if user and not port.isdigit() else _PORTS.get(port)


def _split_port(text: str) -> tuple[str, str]:
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        return host, rest.removeprefix(":")
    if text.count(":") > 1:
        return text, ""
    host, _, port = text.partition(":")
    return host, port


def zone_of(host: str, own_hosts: Sequence[str]) -> Zone:
    """Tell whether a host is one's own: listed, a private address, or a name that only means something inside."""
    address = _address(host)
    if address is not None:
        if any(_in_network(address, own) for own in own_hosts):
            return "internal"
        return "internal" if any(address in network for network in _INSIDE) else "external"
    name = host.lower().rstrip(".")
    if is_below(name, own_hosts) or "." not in name or name.endswith(INTERNAL_ENDINGS):
        return "internal"
    return "external"


def is_below(name: str, hosts: Sequence[str]) -> bool:
    """Tell whether a host is one of `hosts` or below one of them; `*.` before a domain is the same as the domain."""
    for listed in hosts:
        domain = listed.lower().removeprefix("*.").rstrip(".")
        if domain and (name == domain or name.endswith("." + domain)):
            return True
    return False


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        # Programs that fetch take 2130706433 and 0x7f000001 for addresses as well.
        number = (
            int(host, 0) if host[:1].isdigit() and host.replace("x", "0", 1).isalnum() and len(host) <= 12 else None
        )
        if number is not None and 0 <= number < 1 << 32:
            return ipaddress.IPv4Address(number)
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, ipaddress.IPv6Address) else address


def _in_network(address: ipaddress.IPv4Address | ipaddress.IPv6Address, listed: str) -> bool:
    try:
        return address in ipaddress.ip_network(listed, strict=False)
    except ValueError:
        return False
