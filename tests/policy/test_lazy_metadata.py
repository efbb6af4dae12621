"""Facts that are worked out one by one are those that are worked out all together."""

from __future__ import annotations

import pathlib
import random
from collections.abc import Iterator

import pytest

from policy.policy_files import call, run_of, said
from runs.captures import EventContents, captures, observed, reader, requests_of
from spanwarden.model.run import Contents, Run
from spanwarden.policy.metadata import Metadata, metadata_of
from spanwarden.policy.metadata_table import MetadataTable
from spanwarden.policy.rules.base import RunView
from spanwarden.runs.windows import Windows, WindowSettings

TABLE = MetadataTable(
    own_hosts=("acme.example",),
    approved_hosts=("github.com",),
    environment="prod",
    tools={"bash": {"category": "ours"}},
    hosts={"example.com": {"network_zone": "dmz"}},
    paths={"*.py": {"data_classification": "code"}},
)
NOTHING = object()


def runs(folder: pathlib.Path) -> Iterator[tuple[Run, Contents]]:
    sent = requests_of(folder)
    windows = Windows(WindowSettings(max_run_size=1 << 30, max_size=1 << 31))
    for position, request in enumerate(sent):
        windows.add(observed(request, position), 0.0)
    contents_of = reader(sent.__getitem__)
    for decision in windows.close(0.0):
        yield decision.run, EventContents(decision.run.events, contents_of)


@pytest.mark.parametrize("folder", captures(), ids=lambda folder: folder.name)
@pytest.mark.parametrize("table", [MetadataTable(), TABLE], ids=["derived", "listed"])
def test_each_fact_alone_is_that_of_the_whole(folder: pathlib.Path, table: MetadataTable) -> None:
    chance = random.Random(folder.name)
    for run, contents in runs(folder):
        whole = [metadata_of(RunView(run, contents, table=table), index) for index in range(len(run.events))]
        alone = RunView(run, contents, table=table)
        for index in chance.sample(range(len(run.events)), len(run.events)):
            facts = Metadata(alone, index)
            names = [*whole[index], "network_zone", "encrypted", "data_classification", "error", "nothing", 5]
            for name in chance.sample(names, len(names)):
                assert facts.get(name, NOTHING) == whole[index].get(name, NOTHING)
            assert facts == whole[index]


@pytest.fixture
def facts() -> Metadata:
    return Metadata(RunView(*run_of(call("read_file", path="/a/.env"))), 0)


def test_it_reads_as_a_dict(facts: Metadata) -> None:
    whole = metadata_of(RunView(*run_of(call("read_file", path="/a/.env"))), 0)
    assert facts["category"] == "file"
    assert "category" in facts
    assert "nothing" not in facts
    with pytest.raises(KeyError):
        facts["nothing"]
    assert facts == whole
    assert whole == facts
    assert facts != {}
    assert dict(facts) == {**facts} == whole
    assert (list(facts), len(facts), repr(facts)) == (list(whole), len(whole), repr(whole))
    assert (list(facts.keys()), list(facts.values()), list(facts.items())) == (
        list(whole.keys()), list(whole.values()), list(whole.items()),
    )  # fmt: skip


def test_content_is_searched_only_for_what_depends_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    searched = []
    monkeypatch.setattr(
        "spanwarden.policy.classification.sensitive_in", lambda view, field, index, wanted: searched.append(field)
    )
    facts = Metadata(RunView(*run_of(call("send_email", to="a@evil.example", body="x"), said("hi"))), 0)
    assert facts.get("network_zone") == "external"
    assert facts.get("category") == "communication"
    assert searched == []
    assert facts.get("data_classification") == "public"
    assert set(searched) == {"arguments"}
