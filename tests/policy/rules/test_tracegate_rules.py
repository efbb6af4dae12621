"""tracegate's keys on transcripts, as that tool judged them, and on telemetry, by effects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spanwarden.model.event import Content, Effect, Event
from spanwarden.model.finding import Verdict
from spanwarden.model.run import Run
from spanwarden.policy.loading import load
from spanwarden.policy.rules.categories import categories, main_category, on_github, written_category
from spanwarden.transcripts.entries import HeldContents
from spanwarden.transcripts.native import read_value


def judged(folder: Path, policy: str, trace: Any) -> Verdict:
    (folder / "p.yaml").write_text(policy)
    compiled = load("p.yaml", folder=folder)
    if isinstance(trace, Run):
        return compiled.evaluate(trace, HeldContents(Content() for _ in trace.events))
    return compiled.evaluate(*read_value(trace, Path("t.json")))


def told(folder: Path, policy: str, trace: Any) -> list[tuple[str, str | None, int | None]]:
    return [(f.severity, f.code, f.turn) for f in judged(folder, policy, trace).findings]


def trace(*events: dict[str, Any], **run: Any) -> dict[str, Any]:
    return {"id": "r", "agent": "a", "events": list(events), **run}


def shell(command: str, **more: Any) -> dict[str, Any]:
    return {"type": "shell", "command": command, **more}


FETCH = {"type": "webfetch"}


def telemetry(*effects: tuple[Effect, ...], status: str = "ok", tool: str = "t") -> Run:
    events = tuple(Event("tool_call", status, tool=tool, effects=group) for group in effects)  # type: ignore[arg-type]
    return Run("r", events)


@pytest.mark.parametrize(
    ("kind", "tool", "expected"),
    [
        ("network_fetch", "shell", "WebFetch"),
        ("git_action", "bash", "Shell"),
        ("file_read", "bash", "Shell"),
        ("FILE_DELETE", None, "Filesystem"),
        ("Edit", None, "Filesystem"),
        ("tool_call", "Terminal", "Shell"),
        ("tool_call", "GH", "GitHub"),
        ("tool_call", "list_mcp_resources", "Tool Discovery"),
        ("developer_message", None, "Message"),
        ("tool_call", "web-fetch", "web-fetch"),
        ("tool_call", "Read", "Read"),
        ("custom", None, "custom"),
    ],
)
def test_categories_of_transcripts_are_tracegates(kind: str, tool: str | None, expected: str) -> None:
    assert written_category(kind, tool) == expected


def test_a_tool_that_tracegate_does_not_know_adds_what_its_effects_say() -> None:
    run, _ = read_value(trace({"type": "tool_call", "tool": "write_file", "input": {"path": "a"}}), Path("t"))
    assert categories(run.events[0]) == ("write_file", "Filesystem")
    assert main_category(run.events[0]) == "write_file"


def test_github_is_told_from_local_repositories_and_other_hosts() -> None:
    assert on_github(Effect("vcs_write", "acme/app"), "create_pull_request")
    assert on_github(Effect("vcs_write", None, "pr create"), "bash")
    assert on_github(Effect("vcs_write", "origin", "push"), "bash")
    assert not on_github(Effect("vcs_write", None, "commit"), "bash")
    assert not on_github(Effect("vcs_write", "git@gitlab.com:a/b", "push"), "bash")
    assert not on_github(Effect("vcs_write", None), "mcp__jira__create_issue")
    assert on_github(Effect("vcs_read", "https://github.com/a/b"), "bash")
    assert not on_github(Effect("vcs_write", None), "git_commit")
    assert not on_github(Effect("vcs_write", "https://gitlab.com/a/b"), "create_issue")
    assert not on_github(Effect("shell", "gh pr create"), "bash")


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ({"cost_usd": 1}, []),
        ({"cost_usd": "1.001"}, [("high", "MAX_COST_EXCEEDED", None)]),
        ({"cost": 2, "cost_usd": None}, [("medium", "COST_UNKNOWN", None)]),
        ({}, [("medium", "COST_UNKNOWN", None)]),
    ],
)
def test_cost_limits(tmp_path: Path, run: dict[str, Any], expected: list[Any]) -> None:
    assert told(tmp_path, "limits: {max_cost_usd: 1}", trace(**run)) == expected


def test_messages_never_round_the_difference_away(tmp_path: Path) -> None:
    (found,) = judged(tmp_path, "limits: {max_runtime_minutes: 10}", trace(runtime_seconds=600.001)).findings
    assert found.message == "The run took 10.00002 minutes, the policy allows 10.00000."


def test_counting_controls_tell_once_a_run(tmp_path: Path) -> None:
    policy = "max_shell_commands: 1.9\nallow_network: false\nallow_file_writes: false\nallow_git_actions: false\n"
    events = [shell("ls"), shell("ls"), FETCH, {"type": "file_edit", "path": "x"}, {"type": "github"}, FETCH]
    verdict = judged(tmp_path, policy, trace(*events))
    assert [f.code for f in verdict.findings] == [
        "MAX_SHELL_COMMANDS_EXCEEDED",
        "NETWORK_FORBIDDEN",
        "FILE_WRITES_FORBIDDEN",
        "GIT_ACTIONS_FORBIDDEN",
    ]
    assert [[e.event for e in f.evidence] for f in verdict.findings] == [[0, 1], [2, 5], [3], [4]]


def test_sensitive_files_are_told_by_event(tmp_path: Path) -> None:
    paths = [".env", "a/.env.local", "src/secretary/n.md", "k.KEY", ".envrc", "prod.env", " /x/.env ", ".env/inner"]
    events = [{"type": "file_read", "path": path} for path in paths]
    found = told(tmp_path, "allow_sensitive_files: false", trace(*events))
    assert [turn for _, _, turn in found] == [1, 2, 3, 4, 7]


def test_forbidden_tools_match_category_or_tool_but_not_type(tmp_path: Path) -> None:
    events = [shell("x"), {"type": "tool_call", "tool": "Send-Email"}, {"type": "webfetch"}]
    assert told(tmp_path, "forbidden_tools: [SHELL]", trace(*events)) == [("high", "FORBIDDEN_TOOL", 1)]
    assert told(tmp_path, "forbidden_tools: [send_email, web_fetch]", trace(*events)) == [
        ("high", "FORBIDDEN_TOOL", 2),
        ("high", "FORBIDDEN_TOOL", 3),
    ]
    assert told(tmp_path, "forbidden_tools: [tool_call]", trace(*events)) == []


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("secrets/*", "secrets/x", True),
        ("secrets/*", "./secrets/x", True),
        ("secrets/*", "/abs/secrets/x/y", True),
        ("secrets/*", "src/../secrets/x", True),
        ("secrets/*", "a//secrets\\x", True),
        ("secrets/*", "Secrets/x", False),
        ("secrets/*", "mysecrets/x", False),
        ("/etc/*", "/etc/passwd", True),
        ("/etc/*", "etc/passwd", False),
        ("/etc/*", "/tmp/../etc/passwd", True),
        ("*.pem", "deep/k.pem", True),
        ("~/.ssh/*", "/home/u/.ssh/id", True),
        ("~/.ssh/*", "~/.ssh/id", True),
        ("[!a].txt", "b.txt", True),
        ("[", "[", True),
    ],
)
def test_forbidden_paths_see_through_spellings(tmp_path: Path, pattern: str, path: str, fits: bool) -> None:
    policy = f"forbidden_paths: ['{pattern}']"
    found = told(tmp_path, policy, trace({"type": "file_read", "path": path}))
    assert found == ([("high", "FORBIDDEN_PATH", 1)] if fits else [])


def test_forbidden_paths_are_found_in_shell_commands_and_told_once_a_pattern(tmp_path: Path) -> None:
    events = [shell("cat secrets/db.txt secrets/other.txt"), {"type": "file_read", "path": "secrets/.env"}]
    verdict = judged(tmp_path, "forbidden_paths: ['.env*', 'secrets/*']", trace(*events))
    assert [(f.turn, f.subject) for f in verdict.findings] == [(1, "secrets/*"), (2, ".env*"), (2, "secrets/*")]
    assert len({f.finding_id for f in verdict.findings}) == 3


def test_a_very_long_path_is_cut_where_it_is_quoted(tmp_path: Path) -> None:
    path = "a/" * 100_000 + ".env"
    (found,) = judged(tmp_path, "forbidden_paths: ['.env']", trace({"type": "file_read", "path": path})).findings
    assert found.evidence[0].text is not None
    assert len(found.evidence[0].text) < 400
    assert found.evidence[0].text.endswith("a/.env")


def test_flows_need_the_source_earlier_and_fold_a_turn(tmp_path: Path) -> None:
    policy = "forbidden_flows: ['web_fetch -> SHELL', 'Shell->Shell']"
    events = [shell("a"), FETCH, shell("b", turn=7), shell("c", turn=7), shell("d", turn=3)]
    verdict = judged(tmp_path, policy, trace(*events))
    assert [(f.turn, f.subject) for f in verdict.findings] == [
        (7, "web_fetch -> SHELL"),
        (7, "Shell -> Shell"),
        (3, "web_fetch -> SHELL"),
        (3, "Shell -> Shell"),
    ]
    assert [(e.event, e.role) for e in verdict.findings[0].evidence] == [(1, "source"), (2, "sink")]
    assert judged(tmp_path, "forbidden_flows: ['Shell->Shell']", trace(shell("a"))).findings == ()


def test_flows_know_external_content_file_writes_and_what_has_no_category(tmp_path: Path) -> None:
    events = [FETCH, {"type": "file_read", "path": "x"}, {"type": "file_edit", "path": "x"}]
    events += [{"type": "tool_call", "tool": "send_email"}, {"type": "tool_call", "tool": "TodoWrite"}]
    events.append({"type": "memory_write"})
    for flow, turn in {
        "ExternalContent->FileWrite": 3,
        "WebFetch->send-email": 4,
        "send email > tool discovery": 5,
        "Message->Shell": None,
        "FileWrite->memory write": 6,
    }.items():
        expected = [] if turn is None else [("high", "FORBIDDEN_FLOW", turn)]
        assert told(tmp_path, f"forbidden_flows: ['{flow}']", trace(*events)) == expected


def test_what_has_a_category_is_no_flow_by_its_tool_or_type_as_with_tracegate(tmp_path: Path) -> None:
    events = [FETCH, {"type": "file_edit", "path": "x"}, {"type": "tool_call", "tool": "TodoWrite"}]
    for flow in ("WebFetch->file_edit", "file_edit->Tool Discovery", "WebFetch->TodoWrite", "WebFetch->tool_call"):
        assert told(tmp_path, f"forbidden_flows: ['{flow}']", trace(*events)) == []
    run = telemetry((Effect("network_fetch", "x"),), (Effect("file_write", "y"),), tool="TodoWrite")
    assert told(tmp_path, "forbidden_flows: ['WebFetch->TodoWrite']", run) == [("high", "FORBIDDEN_FLOW", None)]


def test_a_flow_named_twice_counts_once(tmp_path: Path) -> None:
    policy = "forbidden_flows: ['WebFetch->Shell', 'web_fetch > SHELL', 'ExternalContent->Shell']"
    assert [f.subject for f in judged(tmp_path, policy, trace(FETCH, shell("a"))).findings] == [
        "WebFetch -> Shell",
        "ExternalContent -> Shell",
    ]


def test_telemetry_is_judged_by_its_effects(tmp_path: Path) -> None:
    run = telemetry((Effect("shell", "curl x | sh"), Effect("network_fetch", "x")), (Effect("file_read", "a/.env"),))
    policy = (
        "allow_network: false\nallow_sensitive_files: false\nmax_shell_commands: 0\nforbidden_paths: ['.env']\n"
        "forbidden_flows: [WebFetch->Filesystem]\nforbidden_tools: [filesystem]\n"
    )
    assert [f.code for f in judged(tmp_path, policy, run).findings] == [
        "MAX_SHELL_COMMANDS_EXCEEDED",
        "NETWORK_FORBIDDEN",
        "SENSITIVE_FILES_FORBIDDEN",
        "FORBIDDEN_TOOL",
        "FORBIDDEN_PATH",
        "FORBIDDEN_FLOW",
    ]


def test_a_denied_call_of_telemetry_did_not_happen(tmp_path: Path) -> None:
    run = telemetry((Effect("shell", "rm x"), Effect("file_write", ".env")), status="denied")
    policy = "max_shell_commands: 0\nallow_file_writes: false\nallow_sensitive_files: false\n"
    assert judged(tmp_path, policy, run).findings == ()


def test_paths_that_telemetry_does_not_carry_are_not_evaluable(tmp_path: Path) -> None:
    policy = "allow_sensitive_files: false\nforbidden_paths: [x]\n"
    lacking = judged(tmp_path, policy, telemetry((Effect("file_read"),))).not_evaluable
    assert [(item.rule, item.needs) for item in lacking] == [
        ("sensitive-files-forbidden", ("arguments",)),
        ("path-forbidden", ("arguments",)),
    ]
    assert judged(tmp_path, policy, telemetry((Effect("file_read", "y"),))).not_evaluable == ()


class _Counted(tuple[Event, ...]):
    """Events that count how often they are looked at."""

    __slots__ = ()
    looks = 0

    def __iter__(self) -> Any:
        for event in super().__iter__():
            _Counted.looks += 1
            yield event

    def __getitem__(self, index: Any) -> Any:
        _Counted.looks += 1
        return super().__getitem__(index)


def test_work_grows_linearly_with_the_run(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(
        "limits: {max_cost_usd: 1}\nmax_shell_commands: 3\nallow_network: false\nallow_sensitive_files: false\n"
        "forbidden_tools: [bash]\nforbidden_paths: ['*.pem', 'secrets/*']\n"
        "forbidden_flows: [WebFetch->Shell, Shell->Shell, ExternalContent->FileWrite]\n"
    )
    policy = load("p.yaml", folder=tmp_path)
    looks = []
    for size in (500, 1000, 2000):
        effects = ((Effect("network_fetch", "u"),), (Effect("shell", "ls"),), (Effect("file_write", "k.pem"),))
        run = telemetry(*(effects[i % 3] for i in range(size)))
        counted = Run("r", _Counted(run.events))
        _Counted.looks = 0
        policy.evaluate(counted, HeldContents(Content() for _ in run.events))
        looks.append(_Counted.looks)
    assert looks[1] < 2.1 * looks[0]
    assert looks[2] < 2.1 * looks[1]
    assert looks[2] < 20 * 2000
