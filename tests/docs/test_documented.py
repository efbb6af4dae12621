"""Everything that a user can type or read is in docs/."""

import importlib
import pathlib
import pkgutil
import re
import sys

import click
import pytest

import spanwarden
from spanwarden.cli.main import ALIASES, COMMANDS, cli
from spanwarden.configuration.section import Section
from spanwarden.policy.loading import load, pack_names
from spanwarden.service.components import EXTENSIONS, PROCESSORS, RECEIVERS, exporter_factories
from spanwarden.service.metrics import METRICS
from spanwarden.service.settings import Settings
from spanwarden.service.understanding import ACTIONS, SUBJECTS

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
generate_docs = importlib.import_module("generate_docs")
sys.path.pop(0)


def page(name):
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def options():
    """Yield every option with the command, or the command and its sub-command, that it belongs to."""
    waiting = [(name, cli, click.Context(cli, info_name="spanwarden")) for name in COMMANDS]
    while waiting:
        name, group, parent = waiting.pop(0)
        command = group.get_command(parent, name.split()[-1])
        context = click.Context(command, info_name=name.split()[-1], parent=parent)
        if isinstance(command, click.Group):
            waiting += [(f"{name} {below}", command, context) for below in command.list_commands(context)]
        for parameter in command.get_params(context):
            if isinstance(parameter, click.Option) and not parameter.hidden and "--help" not in parameter.opts:
                yield name, parameter


def section_of(text, heading):
    """Return the part of a page under a heading."""
    start = text.index(heading + "\n")
    following = re.compile(rf"^#{{1,{heading.index(' ')}}} ", re.MULTILINE)
    end = following.search(text, start + len(heading))
    return text[start : end.start() if end else None]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_is_documented(name):
    assert f"### `spanwarden {name}`\n" in page("cli.md")


def test_every_alias_is_documented():
    for alias, name in ALIASES.items():
        assert f"`{alias}`" in section_of(page("cli.md"), f"### `spanwarden {name}`")


def test_every_option_is_documented_under_its_command():
    text = page("cli.md")
    seen = list(options())
    assert {"--config", "--json"} <= {spelling for _, parameter in seen for spelling in parameter.opts}
    for name, parameter in seen:
        part = section_of(text, f"{'####' if ' ' in name else '###'} `spanwarden {name}`")
        for spelling in (*parameter.opts, *parameter.secondary_opts):
            assert spelling in part, f"{name} {spelling}"


def test_every_option_says_what_it_does():
    for name, parameter in options():
        assert parameter.help, f"{name} {parameter.opts}"


@pytest.mark.parametrize("key", [key for key, _, _ in generate_docs.settings_keys(Settings)])
def test_every_setting_is_documented(key):
    assert f"`{key}`" in page("settings.md")


@pytest.mark.parametrize("word", [*ACTIONS, *SUBJECTS])
def test_every_action_and_subject_of_tools_is_documented(word):
    assert f"`{word}`" in section_of(page("effects.md"), "## Your own tools")


@pytest.mark.parametrize("name", list(exporter_factories()))
def test_every_exporter_setting_is_documented(name):
    part = section_of(page("exporters.md"), f"## `{name}`")
    factory = exporter_factories()[name]
    assert factory.description in part
    for key, _, _ in generate_docs.settings_keys(factory.settings):
        assert f"| `{key}` |" in part, key


@pytest.mark.parametrize("name", pack_names())
def test_every_rule_of_every_pack_is_documented(name):
    part = section_of(page("packs.md"), f"## `pack:{name}`")
    for rule in load(f"pack:{name}").rules:
        assert f"| `{rule.id}` |" in part, rule.id


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_every_metric_is_documented_with_its_labels(metric):
    name = metric.name + ("_total" if metric.kind == "counter" else "")
    row = next((line for line in page("metrics.md").splitlines() if line.startswith(f"| `{name}` |")), None)
    assert row is not None
    for label in metric.labels:
        assert f"`{label}`" in row


def test_every_component_is_documented():
    text = page("settings.md")
    for prefix, names in (("receivers", RECEIVERS), ("processors", PROCESSORS), ("extensions", EXTENSIONS)):
        for name in names:
            assert f"`{prefix}.{name}" in text


def sections():
    """Return every settings class of the package, wherever it is defined."""
    for module in pkgutil.walk_packages(spanwarden.__path__, "spanwarden."):
        importlib.import_module(module.name)
    found, waiting = [], [Section]
    while waiting:
        for child in waiting.pop().__subclasses__():
            found.append(child)
            waiting.append(child)
    return [section for section in found if section.__module__.startswith("spanwarden.")]


def test_every_field_of_every_settings_class_has_a_description():
    found = sections()
    assert Settings in found
    without = [
        f"{section.__module__}.{section.__name__}.{name}"
        for section in found
        for name, field in section.model_fields.items()
        if not (field.description or "").strip().endswith(".")
    ]
    assert without == []


def test_generated_parts_are_current(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["generate_docs.py", "--check"])
    assert generate_docs.main() == 0, capsys.readouterr().err


def test_a_stale_page_is_noticed(monkeypatch, capsys, tmp_path):
    for path in (ROOT / "docs").glob("*.md"):
        text = path.read_text(encoding="utf-8")
        (tmp_path / path.name).write_text(text.replace("spanwarden_findings_total", "gone"), encoding="utf-8")
    monkeypatch.setattr(generate_docs, "DOCS", tmp_path)
    monkeypatch.setattr(generate_docs, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "argv", ["generate_docs.py", "--check"])
    assert generate_docs.main() == 1
    assert "metrics.md" in capsys.readouterr().err
