"""How the tests of a policy ended, as text, JSON and JUnit's XML."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from spanwarden.exporters.plain_text import one_line
from spanwarden.policy.testing import Outcome


class Tested(NamedTuple):
    """A policy, by the name it was asked for, and how its tests ended."""

    source: str
    policy: str
    outcomes: Sequence[Outcome]

    @property
    def failed(self) -> int:
        """Return how many tests failed."""
        return sum(not outcome.passed for outcome in self.outcomes)


def tests_json(tested: Iterable[Tested]) -> dict[str, Any]:
    """Return the object that `test --json` prints."""
    policies = [
        {
            "source": each.source,
            "policy": each.policy,
            "passed": len(each.outcomes) - each.failed,
            "failed": each.failed,
            "tests": [
                {"place": o.place, "rule": o.rule, "name": o.name, "passed": o.passed, "failure": o.failure}
                for o in each.outcomes
            ],
        }
        for each in tested
    ]
    return {"passed": all(not policy["failed"] for policy in policies), "policies": policies}


def tests_text(tested: Tested) -> Iterator[str]:
    """Yield a line for the policy and one for every test that failed."""
    word = "FAIL" if tested.failed else "PASS"
    count = len(tested.outcomes)
    yield f"{word}  {one_line(tested.source, 200)}: {count - tested.failed} of {count} tests passed"
    for outcome in tested.outcomes:
        if outcome.failure is not None:
            yield f"  {one_line(outcome.place, 200)}: {one_line(_title(outcome), 200)}: {one_line(outcome.failure)}"


def tests_junit(tested: Iterable[Tested]) -> str:
    """Return JUnit's XML: a suite for each policy, a case for each test."""
    root = ET.Element("testsuites")
    for each in tested:
        counts = {"tests": str(len(each.outcomes)), "failures": str(each.failed)}
        suite = ET.SubElement(root, "testsuite", {"name": _clean(each.source), **counts})
        for outcome in each.outcomes:
            name = f"{_title(outcome)} ({outcome.place})"
            case = ET.SubElement(suite, "testcase", {"classname": _clean(each.policy), "name": _clean(name)})
            if outcome.failure is not None:
                ET.SubElement(case, "failure", {"message": _clean(outcome.failure)})
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _title(outcome: Outcome) -> str:
    return ": ".join(part for part in (outcome.rule, outcome.name) if part) or "all rules"


def _clean(text: str) -> str:
    """Return text without the characters that XML has no way to write."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:2000])
