"""What the parts of a condition do, where Python's own way would be unsafe, unbounded or too strict.

Functions whose name ends in `_paid` are for the inside of loops: they take steps for the size of what they handle.
`work` is always the first argument where there is one.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from spanwarden.policy.expressions.errors import ConditionError
from spanwarden.policy.expressions.steps import EventField, Steps
from spanwarden.policy.expressions.work import Work, paid

MAX_JOINED = 1 << 20
"""Characters of a text, or items of a list, that adding may come to."""
_SINGLE = (str, int, float, EventField)
_SIZED = (str, list, tuple, dict, set, frozenset)
MAX_BITS = 2_048
"""Bits of a whole number that arithmetic may come to."""


def add(a: Any, b: Any) -> Any:
    """Add two numbers, or join two texts or two lists."""
    if _is_number(a) and _is_number(b):
        return _bounded(a + b)
    a, b = (list(side) if isinstance(side, Steps) else side for side in (a, b))
    for kind in (str, list):
        if isinstance(a, kind) and isinstance(b, kind):
            if len(a) + len(b) > MAX_JOINED:
                raise ConditionError("'+' comes to a value that is too long")
            return operator.add(a, b)
    raise ConditionError("'+' needs two numbers, two texts or two lists")


def add_paid(work: Work, a: Any, b: Any) -> Any:
    """Do the same within a loop."""
    joined = add(a, b)
    work.take(1 + (len(joined) >> 4 if isinstance(joined, str | list) else 0))
    return joined


def arithmetic(sign: str) -> Callable[[Any, Any], Any]:
    """Return an operation on two numbers; text and lists are refused: '%' and '*' on them can fill memory."""
    compute = _SIGNS[sign]

    def computed(a: Any, b: Any) -> Any:
        if not (_is_number(a) and _is_number(b)):
            raise ConditionError(f"'{sign}' needs two numbers")
        return _bounded(compute(a, b))

    return computed


_SIGNS: Mapping[str, Callable[[Any, Any], Any]] = {
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
}


def negative(value: Any) -> Any:
    """Return the number with the other sign."""
    if not _is_number(value):
        raise ConditionError("'-' needs a number")
    return -value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and (not isinstance(value, int) or value.bit_length() <= MAX_BITS)


def _bounded(value: Any) -> Any:
    if isinstance(value, int) and value.bit_length() > MAX_BITS:
        raise ConditionError("a number out of range")
    return value


def ordering(sign: str) -> Callable[[Any, Any], bool]:
    """Return a comparison that does not hold where either side is unknown."""
    compare = _ORDERS[sign]
    return lambda a, b: a is not None and b is not None and compare(a, b)


_ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def equal_paid(work: Work, a: Any, b: Any) -> bool:
    """Compare two values within a loop."""
    paid(work, a)
    return bool(a == b)


def contains(item: Any, holder: Any) -> bool:
    """Tell whether something is in a text, list or object; nothing is in what is unknown."""
    if holder is None or (item is None and isinstance(holder, str)):
        return False
    try:
        return item in holder
    except TypeError:
        if isinstance(holder, frozenset | dict):  # a list is never a member of these
            return False
        raise


def listed(item: Any, members: frozenset[Any]) -> bool:
    """Tell whether something is on a list of the policy."""
    try:
        return item in members
    except TypeError:
        return False


def item_of(holder: Any, key: Any) -> Any:
    """Return what is under a key or at a position, None where there is nothing."""
    if holder is None:
        return None
    try:
        return holder[key]
    except (KeyError, IndexError):
        return None


def each(value: Any) -> Any:
    """Return what a loop goes through: nothing of what is unknown, a text as one item."""
    if value is None:
        return ()
    return (value,) if isinstance(value, _SINGLE) else value


def turns(work: Work, value: Iterable[Any]) -> Iterable[Any]:
    """Return what a loop goes through, and take the steps for it. Steps of a run take theirs one by one."""
    if isinstance(value, _SIZED):
        work.take(len(value))
        return value
    if isinstance(value, Steps):
        return value
    return _counted(work, iter(value))


def _counted(work: Work, items: Iterable[Any]) -> Iterable[Any]:
    for item in items:
        work.take(1)
        yield item


def text_of(value: Any) -> str:
    """Return a value as text, as Python spells it."""
    return str(value)


def text_of_paid(work: Work, value: Any) -> str:
    """Do the same within a loop, or for all steps of a run."""
    paid(work, value)
    text = str(value)
    work.take(len(text) >> 4)
    return text


def filled(work: Work, *values: Any) -> str:
    """Return an f-string's texts and values as one text."""
    texts = [value if type(value) is str else text_of_paid(work, value) for value in values]
    _afford(work, sum(map(len, texts)))
    return "".join(texts)


def replace(work: Work, text: Any, old: Any, new: Any, count: Any = -1) -> str:
    """Return a text with another in place of every one, or the first `count`, of a third."""
    if not (isinstance(text, str) and isinstance(old, str) and isinstance(new, str) and isinstance(count, int)):
        raise ConditionError("replace() needs texts")
    paid(work, text)
    _afford(work, len(text) + text.count(old) * len(new))
    return text.replace(old, new, count)


def join(work: Work, between: Any, items: Any) -> str:
    """Return texts as one, with another between them."""
    texts = list(turns(work, items))
    if not isinstance(between, str) or not all(isinstance(text, str) for text in texts):
        raise ConditionError("join() needs texts")
    _afford(work, sum(map(len, texts)) + len(between) * len(texts))
    return between.join(texts)


def _afford(work: Work, length: int) -> None:
    if length > MAX_JOINED:
        raise ConditionError("a text that is too long")
    work.take(length >> 4)


def or_text(value: Any) -> Any:
    """Return a value to call a method of texts on: the empty text for what is unknown."""
    return "" if value is None else value


def or_object(value: Any) -> Any:
    """Return a value to call a method of objects on: an empty one for what is unknown."""
    return {} if value is None else value


def length(value: Any) -> int:
    """Return the length of a text, list or object; what is unknown has none."""
    return 0 if value is None else len(value)


def whole(value: Any) -> int:
    """Return a number or a text that is one as a whole number."""
    if isinstance(value, str) and len(value) > 100:
        raise ConditionError("int() of a text that is too long")
    return int(value)


def real(value: Any) -> float:
    """Return a number or a text that is one as a number with a fraction."""
    if isinstance(value, str) and len(value) > 100:
        raise ConditionError("float() of a text that is too long")
    return float(value)


def total(values: Iterable[Any]) -> Any:
    """Return the sum of numbers."""
    found: Any = 0
    for value in values:
        if not _is_number(value):
            raise ConditionError("sum() needs numbers")
        found += value
    return _bounded(found)


def get(holder: Any, path: Any, default: Any = None) -> Any:
    """Return what is at a dotted path of keys, the default where any of them is missing or holds nothing."""
    if not isinstance(path, str):
        raise ConditionError("get() needs a text for the path")
    current = holder
    for key in path.split("."):
        if isinstance(current, dict | EventField):
            current = current.get(key)
        else:
            return default
        if current is None:
            return default
    return current
