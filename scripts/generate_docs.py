"""Write the parts of docs/ that follow from the code, or prove that what is checked in is current.

usage: python scripts/generate_docs.py [--check]

Pages in docs/ hold text between `<!-- generated: NAME -->` and
`<!-- end of generated: NAME -->`; only that text is replaced, the words around it are ours.
"""

from __future__ import annotations

import json
import pathlib
import re
import sys
from collections.abc import Callable, Iterator
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import click
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from spanwarden.cli.main import ALIASES, COMMANDS, cli
from spanwarden.configuration.section import Section
from spanwarden.policy.loading import load, pack_names
from spanwarden.policy.overview import description_of, rule_overviews
from spanwarden.policy.schema import policy_schema
from spanwarden.service.components import exporter_factories
from spanwarden.service.metrics import METRICS
from spanwarden.service.settings import Settings

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
BLOCK = re.compile(r"(<!-- generated: (\S+) -->\n).*?(<!-- end of generated: \2 -->)", re.DOTALL)


def settings_keys(
    model: type[Section], prefix: str = "", defaults: dict[str, Any] | None = None
) -> Iterator[tuple[str, str, FieldInfo]]:
    """Yield every setting below a settings class: its dotted key, its default as written, its field.

    A group of settings is walked into; one that can be turned off (null) is yielded itself, too.
    """
    shown = _defaults(model) if defaults is None else defaults
    for name, field in model.model_fields.items():
        key = f"{prefix}{name}"
        section = _section(field.annotation)
        if section is None:
            yield key, _written(shown.get(name), field), field
            continue
        if NoneType in get_args(field.annotation):
            yield key, "on" if shown.get(name) else "off", field
        below = shown.get(name)
        yield from settings_keys(section, f"{key}.", below if isinstance(below, dict) else None)


def _defaults(model: type[Section]) -> dict[str, Any]:
    needed = {name: "" for name, field in model.model_fields.items() if field.is_required()}
    return model.model_construct(**needed).model_dump(mode="json", warnings=False)


def _section(annotation: Any) -> type[Section] | None:
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, Section):
            return candidate
    return None


def _written(value: Any, field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if value in (None, {}, [], ()):
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{', '.join(map(str, value)) if isinstance(value, list) else value}`"


def kind(annotation: Any) -> str:
    """Return what a reader of the docs needs to know of a field's type."""
    if get_origin(annotation) is Literal:
        return " \\| ".join(f"`{choice}`" for choice in get_args(annotation))
    parts = [part for part in get_args(annotation) if part not in (NoneType, Ellipsis)]
    origin = get_origin(annotation)
    if origin in (tuple, list):
        return f"list of {kind(parts[0])}"
    if origin is dict:
        return "mapping"
    if parts:
        return " or ".join(dict.fromkeys(kind(part) for part in parts))
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return "group"
    names = {str: "text", int: "number", float: "number", bool: "true or false", SecretStr: "secret"}
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _unit(field: FieldInfo) -> str:
    alternatives = [extra for part in get_args(field.annotation) for extra in getattr(part, "__metadata__", ())]
    for extra in (*field.metadata, *alternatives):
        name = getattr(getattr(extra, "func", None), "__name__", "")
        if name in {"parse_duration", "parse_size"}:
            return name.removeprefix("parse_")
    return kind(field.annotation)


def _settings_table(model: type[Section], prefix: str = "", skip: frozenset[str] = frozenset()) -> str:
    rows = ["| key | kind | default | what it is |", "| --- | --- | --- | --- |"]
    for key, default, field in settings_keys(model, prefix):
        if key not in skip:
            rows.append(f"| `{key}` | {_unit(field)} | {default} | {_cell(field.description or '')} |")
    return "\n".join(rows) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def service_settings() -> str:
    """Return the table of everything but exporters."""
    return _settings_table(Settings, skip=frozenset({"exporters"}))


def exporter_settings() -> str:
    """Return one table for every exporter of this build."""
    parts = []
    for name, factory in exporter_factories().items():
        heading = f"## `{name}`\n\n{factory.description} Stability: {factory.stability}.\n\n"
        parts.append(heading + _settings_table(factory.settings))
    return "\n".join(parts)


def metrics() -> str:
    """Return the table of metrics, named as Prometheus sees them."""
    rows = ["| metric | kind | labels | what it counts |", "| --- | --- | --- | --- |"]
    for metric in METRICS:
        name = metric.name + ("_total" if metric.kind == "counter" else "")
        labels = ", ".join(f"`{label}`" for label in metric.labels) or "none"
        rows.append(f"| `{name}` | {metric.kind} | {labels} | {_cell(metric.help)} |")
    return "\n".join(rows) + "\n"


def commands() -> str:
    """Return a section for every command: usage, arguments and options."""
    context = click.Context(cli, info_name="spanwarden")
    return "\n".join(_command(name, context) for name in sorted(COMMANDS))


def _command(name: str, parent: click.Context) -> str:
    command = cli.get_command(parent, name)
    assert command is not None
    context = click.Context(command, info_name=name, parent=parent)
    usage = " ".join(command.collect_usage_pieces(context))
    lines = [f"### `spanwarden {name}`", "", COMMANDS[name], "", "```", f"spanwarden {name} {usage}", "```", ""]
    aliases = sorted(alias for alias, target in ALIASES.items() if target == name)
    if aliases:
        lines += [f"Also known as {', '.join(f'`{alias}`' for alias in aliases)}.", ""]
    lines += _options(command, context)
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            lines += _subcommand(each, command, context)
    return "\n".join(lines)


def _subcommand(name: str, group: click.Group, parent: click.Context) -> list[str]:
    command = group.get_command(parent, name)
    assert command is not None
    context = click.Context(command, info_name=name, parent=parent)
    usage = " ".join((context.command_path, *command.collect_usage_pieces(context)))
    said = " ".join((command.help or "").split())
    return [f"#### `{context.command_path}`", "", said, "", "```", usage, "```", "", *_options(command, context)]


def _options(command: click.Command, context: click.Context) -> list[str]:
    rows = []
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        # --help is the same everywhere, and an argument without a text shows in the usage.
        if record is not None and record[1] and "--help" not in parameter.opts:
            rows.append(record)
    if not rows:
        return []
    lines = ["| option | what it does |", "| --- | --- |"]
    return [*lines, *(f"| `{_cell(option)}` | {_cell(text)} |" for option, text in rows), ""]


def packs() -> str:
    """Return a section for every pack of rules: what it is for, and each rule of it."""
    return "\n".join(map(_pack, pack_names()))


def _pack(name: str) -> str:
    source = f"pack:{name}"
    policy = load(source)
    lines = [f"## `{source}`", "", _cell(description_of(source)), ""]
    lines += ["| rule | severity | weight | status | tags | what it finds | needs |", "| --- " * 7 + "|"]
    for rule in rule_overviews(policy, source):
        status = rule.status if rule.mode == "enforce" else f"{rule.status}, {rule.mode}"
        cells = [f"`{rule.id}`", rule.severity, str(rule.weight), status, ", ".join(f"`{tag}`" for tag in rule.tags)]
        cells += [f"**{rule.title}.** {rule.description}", ", ".join(_need(need) for need in rule.needs)]
        lines.append(f"| {' | '.join(_cell(cell) for cell in cells)} |")
    return "\n".join(lines) + "\n"


def _need(need: str) -> str:
    return f"`{need}`" if need.startswith("metadata.") else need


GENERATED: dict[str, Callable[[], str]] = {
    "settings": service_settings,
    "exporters": exporter_settings,
    "metrics": metrics,
    "commands": commands,
    "packs": packs,
}


def schema_of_policies() -> str:
    """Return the JSON Schema of policy files."""
    return json.dumps(policy_schema(), indent=1, ensure_ascii=False) + "\n"


FILES: dict[str, Callable[[], str]] = {"policy.schema.json": schema_of_policies}
"""Files in docs/ that are generated as a whole."""


def main() -> int:
    """Run the command line."""
    check = "--check" in sys.argv[1:]
    used: set[str] = set()

    def fill(match: re.Match[str]) -> str:
        used.add(match[2])
        return f"{match[1]}\n{GENERATED[match[2]]()}\n{match[3]}"

    stale = []
    for name, text in FILES.items():
        path = DOCS / name
        if not path.exists() or path.read_text(encoding="utf-8") != text():
            stale.append(str(path.relative_to(ROOT)))
            if not check:
                path.write_text(text(), encoding="utf-8")
    for path in sorted(DOCS.rglob("*.md")):
        old = path.read_text(encoding="utf-8")
        new = BLOCK.sub(fill, old)
        if new != old:
            stale.append(str(path.relative_to(ROOT)))
            if not check:
                path.write_text(new, encoding="utf-8")
    missing = sorted(GENERATED.keys() - used)
    if missing:
        print(f"no page has the generated part: {', '.join(missing)}", file=sys.stderr)
        return 1
    if stale and check:
        print(f"stale docs: {', '.join(stale)}; run make docs", file=sys.stderr)
    return bool(stale and check)


if __name__ == "__main__":
    raise SystemExit(main())
