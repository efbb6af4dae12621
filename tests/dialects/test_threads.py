"""Model calls that nothing but their history ties: which of them are one run, and which are not."""

from __future__ import annotations

import time

import pytest

from spanwarden.dialects.messages import MAX_MESSAGES, Call, Response, Said
from spanwarden.dialects.threads import MAX_KEYS, WHILE, Thread, thread

LONG = "call_0123456789abcdefghijklmn"
SYSTEM = Said("system", "You help.")
ASK = Said("user", "What is in the README?")
ANSWER = Said("assistant", "It describes the shop.")
AT = 100 * WHILE


def asks(call_id: str | None, path: str = "README.md") -> Said:
    return Said("assistant", "", (Call(call_id, "read_file", {"path": path}),))


def result(call_id: str | None, text: str = "# shop") -> Said:
    return Said("tool", "", (), (Response(call_id, None, text, False),))


def tied(one: Thread, two: Thread) -> bool:
    """Tell whether the second is of the run of the first, the way windows join them."""
    return bool({*one.keys} & {*two.keys} or {*one.leads_to} & {*two.follows} or {*one.follows} & {*two.leads_to})


def call(given: list[Said], *answered: Said, sender: str = "process", at: int = AT) -> Thread:
    return thread(sender, "service", given, list(answered), at, at + 10**9)


@pytest.mark.parametrize("call_id", [LONG, "call_1", None])
def test_a_call_goes_on_from_the_one_whose_answer_it_repeats(call_id: str | None) -> None:
    first = call([SYSTEM, ASK], asks(call_id))
    second = call([SYSTEM, ASK, asks(call_id), result(call_id)], asks(call_id, "b.txt"))
    third = call([SYSTEM, ASK, asks(call_id), result(call_id), asks(call_id, "b.txt"), result(call_id)], ANSWER)
    assert tied(first, second)
    assert tied(second, third)


@pytest.mark.parametrize("call_id", [LONG, "call_1", None])
def test_what_the_user_says_after_an_answer_begins_a_run_of_the_same_conversation(call_id: str | None) -> None:
    first = call([SYSTEM, ASK], asks(call_id))
    last = call([SYSTEM, ASK, asks(call_id), result(call_id)], ANSWER)
    history = [SYSTEM, ASK, asks(call_id), result(call_id), ANSWER, Said("user", "And the licence?")]
    another = call_id and call_id[::-1]
    following = call(history, asks(another, "LICENSE"))
    assert not tied(first, following)
    assert not tied(last, following)
    assert first.conversation == last.conversation == following.conversation is not None
    closing = call([*history, asks(another, "LICENSE"), result(another)], Said("assistant", "It is the MIT licence."))
    assert tied(following, closing)
    assert not tied(first, closing)


def test_two_users_with_the_same_first_words_are_two_runs() -> None:
    one, two = call([SYSTEM, ASK], asks("call_1")), call([SYSTEM, ASK], asks("call_2"))
    goes_on = call([SYSTEM, ASK, asks("call_2"), result("call_2")], ANSWER)
    assert not tied(one, goes_on)
    assert tied(two, goes_on)
    assert not tied(call([SYSTEM, ASK], ANSWER), call([SYSTEM, ASK], ANSWER)), "equal questions with equal answers"
    assert not tied(one, call([SYSTEM, ASK, asks("call_1"), result("call_1")], ANSWER, sender="other process"))


def test_short_ids_tie_for_a_while_only() -> None:
    first = call([SYSTEM, ASK], asks("call_1"))
    history = [SYSTEM, ASK, asks("call_1"), result("call_1")]
    assert tied(first, call(history, ANSWER, at=AT + WHILE - 2 * 10**9))
    assert not tied(first, call(history, ANSWER, at=AT + 2 * WHILE))
    assert tied(call([ASK], asks(LONG)), call([ASK, asks(LONG), result(LONG)], ANSWER, at=AT + 9 * WHILE))


def test_a_history_that_was_shortened_still_ties_by_the_calls_in_it() -> None:
    first = call([SYSTEM, ASK], asks(LONG))
    assert tied(first, call([Said("user", "(earlier messages left out)"), asks(LONG), result(LONG)], ANSWER))
    assert tied(first, call([SYSTEM, ASK, result(LONG)], ANSWER)), "the provider keeps the history"
    assert tied(call([ASK], asks("call_1")), call([ASK, result("call_1")], ANSWER))


def test_an_agent_that_another_asked_is_of_its_run() -> None:
    asked, told = "Find out which version is stable.", "The stable version is 4.2."
    below = call([Said("system", "You look things up."), Said("user", asked)], Said("assistant", told))
    delegates = Said("assistant", "", (Call("call_9", "ask_researcher", {"request": asked}),))
    above = call([SYSTEM, ASK, delegates, result("call_9", told)], ANSWER)
    assert tied(below, above)
    assert not tied(below, call([SYSTEM, ASK, delegates, result("call_9", "The beta is 5.0, the stable 4.2.")], ANSWER))
    assert tied(below, call([SYSTEM, ASK, result("call_9", told)], ANSWER)), "a sender that leaves the calls out"
    brief = call([Said("user", "hi")], Said("assistant", "hello"))
    assert not brief.leads_to, "too little to tell it by"


def test_results_in_the_users_mouth_begin_no_run() -> None:
    first = call([ASK], asks("call_1"))
    history = [ASK, asks("call_1"), Said("user", "", (), (Response("call_1", None, "x", False),))]
    plain = [*history, Said("assistant", "Thought: again"), Said("user", "Observation: x")]
    assert tied(first, call(history, ANSWER))
    assert tied(first, call(plain, ANSWER))


def test_keys_are_few_and_work_is_bounded() -> None:
    many = [
        Said("assistant", "", tuple(Call(f"c{i}-{j}", "t", {"a": "x" * 50}) for j in range(50))) for i in range(500)
    ]
    alone = [result(f"r{i}", "long enough to be told from others") for i in range(MAX_MESSAGES - 500)]
    started = time.process_time()
    told = call([*many, *alone], many[0])
    assert time.process_time() - started < 1
    assert len(told.keys) + len(told.leads_to) + len(told.follows) <= MAX_KEYS
    assert told.conversation is None, "its beginning is cut off"
    assert call([]) == Thread()
