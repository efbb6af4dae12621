from spanwarden.model.run import Run
from spanwarden.runs.conversations import MAX_RUNS
from spanwarden.transcripts.earlier_runs import MAX_CONVERSATIONS, EarlierRuns


def run(name: str, conversation: str | None) -> Run:
    return Run(name, (), conversation=conversation)


def test_runs_of_one_conversation_come_oldest_first() -> None:
    earlier = EarlierRuns()
    assert earlier.before(run("a", "c")) == ()
    assert earlier.before(run("b", "other")) == ()
    assert [each.id for each in earlier.before(run("d", "c"))] == ["a"]
    assert [each.id for each in earlier.before(run("e", "c"))] == ["a", "d"]
    assert earlier.before(run("f", None)) == earlier.before(run("g", None)) == ()


def test_what_is_old_is_forgotten() -> None:
    earlier = EarlierRuns()
    for number in range(MAX_RUNS + 5):
        found = earlier.before(run(str(number), "c"))
    assert [each.id for each in found] == [str(number) for number in range(4, MAX_RUNS + 4)]
    for number in range(MAX_CONVERSATIONS):
        earlier.before(run("x", f"c{number}"))
    assert earlier.before(run("y", "c")) == ()
