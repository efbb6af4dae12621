"""Flows through a memory that compare the run that wrote with the run that read, and `where` of other flows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from policy.policy_files import call, judged, places, policy_of
from spanwarden.policy.document import PolicyError
from spanwarden.policy.state import MemoryState

IBAN = "GB33BUKB20201555555555"
DAY = 86_400


def rule(where: str) -> str:
    return f"""rules:
  - id: r
    flow:
      from: read_web*
      through: {{tool: "memory_*", within: 30d}}
      to: pay
      via: value
      where: {where!r}
"""


def of(user: str | None, *pairs: Any) -> list[Any]:
    metadata = {"user_id": user} if user else None
    return [(event, msgspec.structs.replace(content, metadata=metadata)) for event, content in pairs]


def writes(user: str | None, day: float = 0) -> list[Any]:
    at = day * DAY
    return of(user, call("read_web", f"is {IBAN}", at=at + 1), call("memory_write", at=at + 2, note=f"is {IBAN}"))


def reads(user: str | None, day: float = 1, amount: int = 5) -> list[Any]:
    at = day * DAY
    taken = call("memory_read", f"is {IBAN}", at=at + 1)
    return of(user, taken, call("pay", at=at + 2, payee=IBAN, amount=amount))


def test_only_what_another_user_left_is_a_finding(tmp_path: Path) -> None:
    policy, state = policy_of(tmp_path, rule("from.run.user != to.run.user")), MemoryState()
    judged(policy, *writes("eve"), state=state, name="1")
    assert places(judged(policy, *reads("ann"), state=state, name="2")) == [[0, 1]]
    verdict = judged(policy, *reads("eve"), state=state, name="3")
    assert (verdict.findings, verdict.not_evaluable) == ((), ())
    judged(policy, *writes("ann"), state=state, name="4")
    assert places(judged(policy, *reads("eve"), state=state, name="5")) == [[0, 1]]


def test_a_run_that_takes_out_may_put_in_as_well(tmp_path: Path) -> None:
    policy, state = policy_of(tmp_path, rule("from.run.user != to.run.user")), MemoryState()
    judged(policy, *writes("eve"), state=state, name="1")
    assert places(judged(policy, *reads("ann"), *writes("ann", day=1.5), state=state, name="2")) == [[0, 1]]
    assert places(judged(policy, *reads("eve", day=2), state=state, name="3")) == [[0, 1]]


def test_a_user_that_is_not_known_is_neither_the_same_nor_another(tmp_path: Path) -> None:
    policy, state = policy_of(tmp_path, rule("from.run.user != to.run.user")), MemoryState()
    judged(policy, *writes("eve"), state=state, name="1")
    verdict = judged(policy, *reads(None), state=state, name="2")
    assert [each.needs for each in verdict.not_evaluable] == [("user",)]
    assert verdict.findings == ()


def test_other_conditions_and_facts_of_runs_go_with_it(tmp_path: Path) -> None:
    where = "from.run.agent == to.run.agent and not from.run.tenant == to.run.tenant and to.args.amount > 10"
    policy, state = policy_of(tmp_path, rule(where)), MemoryState()

    def with_tenant(pairs: list[Any], tenant: str) -> list[Any]:
        return [(event, msgspec.structs.replace(content, metadata={"tenant": tenant})) for event, content in pairs]

    judged(policy, *with_tenant(writes("x"), "north"), state=state, name="1", agent="a")
    assert judged(policy, *with_tenant(reads("x"), "south"), state=state, name="2", agent="a").findings == ()
    more = with_tenant(reads("x", amount=11), "south")
    assert judged(policy, *more, state=state, name="3", agent="b").findings == ()
    assert places(judged(policy, *more, state=state, name="4", agent="a")) == [[0, 1]]
    north = with_tenant(reads("x", amount=11), "north")
    assert judged(policy, *north, state=state, name="5", agent="a").findings == ()


def test_users_are_kept_as_digests_only(tmp_path: Path) -> None:
    class Watched(MemoryState):
        def observe(self, topic: str, key: Any, run: str, samples: Any) -> None:
            items.extend(sample.item for sample in samples)
            super().observe(topic, key, run, samples)

    items: list[str] = []
    policy = policy_of(tmp_path, rule("from.run.user != to.run.user"))
    judged(policy, *writes("eve"), state=Watched(), name="1")
    assert items
    assert not any("eve" in item for item in items)


def test_where_of_a_flow_in_one_run(tmp_path: Path) -> None:
    text = "rules: [{id: r, flow: {from: a, to: b, via: order, where: 'from.args.n == to.args.n'}}]"
    policy = policy_of(tmp_path, text)
    assert places(judged(policy, call("a", n=1), call("b", n=2), call("b", n=1))) == [[0, 2]]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("from.run.user == 'ann'", "from.run.user != to.run.user"),
        ("from.run.user != to.run.tenant", "from.run.user != to.run.user"),
        ("from.run.user in [to.run.user]", "from.run.user != to.run.user"),
        ("from.run.user < to.run.user", "from.run.user != to.run.user"),
        ("from.run.usr != to.run.usr", "did you mean user?"),
        ("len(from.run.user) > 3", "from.run.user != to.run.user"),
        ("from.run.user != to.run.user and nonsense", "nonsense"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, where: str, expected: str) -> None:
    with pytest.raises(PolicyError, match=r"^p\.yaml:8: rules\[0\]\.flow\.where") as caught:
        policy_of(tmp_path, rule(where))
    assert expected in str(caught.value)
