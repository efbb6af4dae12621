"""Which tools only pass the work to another agent."""

from __future__ import annotations

from typing import Any

import pytest

from spanwarden.dialects.handoff_names import is_handoff


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("transfer_to_researcher", {}),
        ("transfer_to_agent", {"agent_name": "researcher"}),
        ("transferToBilling", None),
        ("transfer_back_to_supervisor", {}),
        ("handoff", {"to_agent": "researcher", "reason": "it knows"}),
        ("handoff_to_agent", {"agent_name": "x", "message": "y", "context": {}}),
        ("hand_off_to_writer", None),
        ("delegate_task_to_member", {"member_id": "researcher", "task": "find out"}),
        ("Delegate work to coworker", {"task": "x", "context": "y", "coworker": "z"}),
        ("ask_researcher", {"request": "find out"}),
        ("consult_legal_expert", {"question": "may we?"}),
    ],
)
def test_handoffs(name: str, arguments: Any) -> None:
    assert is_handoff(name, arguments)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("transfer_to_account", {"to": "DE00"}),
        ("transfer_to_alice", {"amount": 10}),
        ("transfer_money", None),
        ("ask_user", {"question": "sure?"}),
        ("ask_user_question", None),
        ("escalate_to_human", None),
        ("run_shell", {"command": "ls"}),
        ("query_database", {"sql": "SELECT 1"}),
        ("call_api", None),
        ("agent", None),
        ("task", {"prompt": "x"}),
        ("route_to", None),
        ("", None),
        ("_" * 100_000, None),
    ],
)
def test_tools_that_act(name: str, arguments: Any) -> None:
    assert not is_handoff(name, arguments)
