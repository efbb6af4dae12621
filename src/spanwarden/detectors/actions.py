"""What the name of a tool says it does, and whether somebody's words ask for that."""

from __future__ import annotations

import functools
from typing import Literal, NamedTuple

from spanwarden.detectors.wording import stem
from spanwarden.detectors.words import word_set

Manner = Literal["read", "act"]

_READS = word_set(
    """
    get read search list fetch check find query view show lookup look retrieve calculate count describe
    inspect summarize think analyze compare validate is has preview explain current recent grep glob ls
    cat head tail stat
    """
)
_ACTS: dict[str, str] = {
    "send": "send sent email mail message text forward reply notify share tell say write deliver dispatch answer "
    "respond contact inform submit report pass ask",
    "post": "post publish share put write upload announce tweet comment send add",
    "pay": "pay transfer wire send refund remit donate deposit settle reimburse bill rent money give owe split",
    "delete": "delete remove erase wipe drop clear purge trash destroy clean discard kick rid cancel",
    "cancel": "cancel delete remove stop abort undo unsubscribe end terminate drop",
    "update": "update change modify edit set adjust alter replace reset correct fix switch move increase decrease "
    "raise refresh",
    "move": "move relocate transfer put shift reschedule change rename",
    "create": "create add make schedule book plan new generate build put insert start open write save prepare",
    "write": "write append save store put record note create add edit",
    "buy": "buy purchase order checkout acquire get shop rebuy pay need cart",
    "book": "book reserve rent reservation arrange schedule plan",
    "invite": "invite add join include welcome bring",
    "give": "share grant give access permission authorize allow permit approve",
    "visit": "visit browse open click go navigate follow webpage link url website site page web read",
    "run": "run execute exec shell command script bash install launch start test build",
    "enter": "enter input fill type submit complete",
    "login": "login log sign authenticate access",
    "upload": "upload publish put send push attach",
    "download": "download fetch save get pull attach",
    "push": "push commit merge upload publish release deploy",
    "copy": "copy clone fork duplicate mirror",
    "turn": "turn switch enable disable activate deactivate lock unlock open close start stop set",
    "follow": "follow subscribe star like join watch",
    "verify": "verify confirm validate approve check",
    "trade": "trade sell buy withdraw invest",
    "withdraw": "withdraw cash money",
}  # fmt: skip
_SPELLINGS = {
    "send": "send sent mail email message text forward reply notify dm submit deliver",
    "post": "post publish tweet comment announce",
    "pay": "pay transfer wire refund remit donate deposit settle reimburse",
    "delete": "delete remove erase wipe drop clear purge trash destroy kick rm unlink",
    "cancel": "cancel abort unsubscribe revoke terminate kill",
    "update": "update change modify edit set adjust alter replace reset rename patch configure",
    "move": "move reschedule relocate mv",
    "create": "create add make schedule new generate insert register issue open save",
    "write": "write append put store record note",
    "buy": "buy purchase order checkout",
    "book": "book reserve rent",
    "invite": "invite",
    "give": "share grant give authorize allow approve assign",
    "visit": "visit browse click navigate",
    "run": "run execute exec shell bash install launch start eval terminal cmd powershell deploy",
    "enter": "enter input fill type",
    "login": "login signin logout",
    "upload": "upload",
    "download": "download",
    "push": "push commit merge",
    "copy": "copy clone fork duplicate",
    "turn": "turn switch enable disable activate deactivate lock unlock close stop",
    "follow": "follow subscribe star like unfollow block",
    "verify": "verify confirm",
    "trade": "trade sell",
    "withdraw": "withdraw",
}  # fmt: skip
_VERBS: dict[str, set[str]] = {}
for _act, _words in _SPELLINGS.items():
    for _word in _words.split():
        _VERBS.setdefault(stem(_word), set()).add(_act)
_ASKS = {act: frozenset(stem(word) for word in words.split()) for act, words in _ACTS.items()}
_READ_STEMS = frozenset(stem(word) for word in _READS)
_WEB = word_set(
    """
    web url http https browser webpage website page request curl wget link
    """
)
_SAME_THINGS = (
    "money payment transaction bill rent fund amount transfer refund salary fee price cost",
    "email mail message inbox",
    "message dm text channel chat",
    "event calendar appointment meeting lunch dinner session reminder",
    "file document doc note notes report drive",
    "webpage website site page link url web",
    "user account profile info information detail",
    "hotel room stay reservation",
    "restaurant table dinner lunch reservation",
    "car vehicle rental",
    "product item cart order thing",
    "password passwd credential",
    "repo repository project code",
    "issue bug ticket",
)
_THINGS: dict[str, set[str]] = {}
for _group in _SAME_THINGS:
    _members = {stem(word) for word in _group.split()}
    for _member in _members:
        _THINGS.setdefault(_member, set()).update(_members)


_MONEY = frozenset(stem(word) for word in ("money", "payment", "transaction", "funds"))


class Deed(NamedTuple):
    """What a tool does by its name.

    `manner` tells whether it changes or sends anything ("act") or only looks ("read"), `acts` what it does ("pay",
    "delete"), `things` the stems of what it does that to.
    """

    manner: Manner
    acts: frozenset[str]
    things: frozenset[str]
    outward: bool
    """Whether its arguments go to the network even where it only reads."""


@functools.lru_cache(maxsize=4_096)
def deed(tool: str) -> Deed:
    """Return what the name of a tool says that it does."""
    words = split_name(tool[:256])
    stemmed = [stem(word) for word in words]
    acts: set[str] = set()
    reads = False
    for position, word in enumerate(stemmed):
        if word in _READ_STEMS and not acts:
            reads = True
            if position == 0 or stemmed[position - 1] not in _VERBS:
                break
        elif word in _VERBS and not acts:
            acts |= _VERBS[word]
    things = frozenset(word for word in stemmed if word not in _VERBS and word not in _READ_STEMS and len(word) > 1)
    manner: Manner = "read" if reads and not acts else "act"
    return Deed(manner, frozenset(acts), things, not _WEB.isdisjoint(words))


def widened(deed_: Deed) -> Deed:
    """Return the deed with what it amounts to: whatever hands on money also pays."""
    if not deed_.acts or deed_.things.isdisjoint(_MONEY):
        return deed_
    return deed_._replace(acts=deed_.acts | {"pay"})


def split_name(name: str) -> list[str]:
    """Return the words of a tool's name in lower case: "sendMail", "send_mail" and "mcp__mail.send" alike."""
    words: list[str] = []
    current = ""
    for character in name:
        fresh = character.isupper() and current[-1:].islower()
        if not character.isalnum() or fresh:
            words.append(current)
            current = ""
        if character.isalnum():
            current += character
    words.append(current)
    return [word.lower() for word in words if word]


def speaks_of(deed_: Deed, words: set[str]) -> bool:
    """Tell whether any of these stems names one of the acts."""
    return any(not _ASKS[act].isdisjoint(words) for act in deed_.acts)


def named_in(deed_: Deed, words: set[str]) -> bool:
    """Tell whether one of the things is among these stems by its own name; True where there are none."""
    return not deed_.things or not deed_.things.isdisjoint(words)


def names(deed_: Deed, words: set[str]) -> bool:
    """Tell whether any of these stems names one of the things, or something of the kind."""
    return any(not _THINGS.get(thing, {thing}).isdisjoint(words) for thing in deed_.things)


def asked(deed_: Deed, words: set[str]) -> bool:
    """Tell whether words with these stems ask for the deed: its act, and its thing where it has one."""
    if not deed_.acts:
        return names(deed_, words)
    return speaks_of(deed_, words) and (not deed_.things or names(deed_, words))


@functools.lru_cache(maxsize=1_024)
def verbs(acts: frozenset[str]) -> tuple[str, ...]:
    """Return how the words begin that ask for these acts: whoever orders one of them uses a word that begins so."""
    stemmed = {stem_ for act in acts for stem_ in _ASKS[act]}
    begun = sorted({word.removesuffix("y") for word in stemmed})
    return tuple(word for word in begun if not any(word != other and word.startswith(other) for other in begun))


def orders(deed_: Deed, sentence: list[str]) -> bool:
    """Tell whether a sentence, as canonical tokens, orders the deed: its verb stands where orders have theirs.

    That is at the beginning, after "please" and the like, or after "must", "need to", "could you".
    """
    wanted: frozenset[str] = frozenset().union(*(_ASKS[act] for act in deed_.acts))
    for position, word in enumerate(sentence[:60]):
        if stem(word) not in wanted:
            continue
        before = sentence[:position]
        if all(earlier in _OPENERS for earlier in before[-4:]) and len(before) <= 6:
            return True
        if before[-1] in _URGING or (before[-1] in _PERSONS and before[-2:-1] and before[-2] in _URGING):
            return True
        if before[-1] == "to" and any(earlier in _WANTING for earlier in before[-4:-1]):
            return True
    return False


def may_order(word: str) -> bool:
    """Tell whether a verb right behind this word, in lower case, may be an order; see `orders`."""
    return word in _BEFORE_VERBS


_OPENERS = word_set(
    """
    please kindly also then just simply now first next finally immediately so and do to todo task
    important urgent note instruction instructions hey hi hello dear ai assistant agent you i we need
    want would like must should quickly instead always only can could will
    """
)
_URGING = word_set(
    """
    please must should shall can could would will kindly also then and to
    """
)
_PERSONS = word_set(
    """
    you we i
    """
)
_WANTING = word_set(
    """
    need needs want wants have has required asked remember sure like have order ask you
    """
)
_BEFORE_VERBS = _OPENERS | _URGING | _PERSONS
