"""Policy files and built-in packs, from text to a compiled policy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import cast

from spanwarden.model.finding import Mode
from spanwarden.policy.document import Field, PolicyError, nearest
from spanwarden.policy.documents import PACK, Document, digest, gather, pack_names
from spanwarden.policy.grammar import Anything
from spanwarden.policy.inline_tests import InlineTest, read_tests
from spanwarden.policy.plans import AgentEntry
from spanwarden.policy.policy import Policy
from spanwarden.policy.rule_list import NativeRule, id_of, read_rules, unknown_tags
from spanwarden.policy.rules.base import Rule
from spanwarden.policy.rules.selectors import glob
from spanwarden.policy.shapes import TUNING, policy_keys
from spanwarden.policy.tracegate_keys import CONTROLS, LIMITS, RULE_IDS, Control, Dead, compile_controls
from spanwarden.policy.troy import Broken
from spanwarden.policy.tuning import UNTUNED, Tuning, read_tuning
from spanwarden.policy.vocabulary import Vocabulary, read_vocabularies

KEYS = policy_keys(Anything())
KNOWN = frozenset(KEYS)
_MISPLACED = {key: f"limits.{key}" for key in LIMITS}

__all__ = ["PACK", "Policy", "PolicyError", "load", "pack_names"]


def load(source: str, *, folder: Path | None = None, broken: Broken = "refuse", dead: Dead = None) -> Policy:
    """Return the policy in a file (.yaml, .yml, .json; relative to `folder` where given) or the pack `pack:NAME`.

    broken: "keep" for what troy does with a rule whose condition cannot be used: it counts as an error on every run.
    dead: takes what is wrong with each name, path or flow in tracegate's lists that can never match, and they are
    passed over, as that tool does; an error where None.

    Raises PolicyError, whose text is one line with file, line and key, for a file that cannot be read, that is not
    YAML or JSON, that has an unknown key, or whose rules do not compile; and for those of the files it extends.
    """
    documents = gather(source, folder)
    tops = [_checked(document) for document in documents]
    numbers = {document.key: number for number, document in enumerate(documents)}
    sees = [{numbers[key] for key in document.extends} for document in documents]
    vocabularies = read_vocabularies(tops, sees)
    rules = _rules(tops, vocabularies, broken)
    controls = compile_controls(*tops, dead=dead)
    ids = frozenset(native.rule.id for native in rules) | RULE_IDS
    tunings = {native.rule.id: native.tuning for native in rules}
    mode = _mode(tops)
    for rule in RULE_IDS:
        tunings[rule] = Tuning(mode=mode) if mode else UNTUNED
    for top, vocabulary in zip(tops, vocabularies, strict=True):
        for name, tuning in _tunings(top.get("overrides"), ids, vocabulary).items():
            tunings[name] = tuning.over(tunings.get(name, UNTUNED))
    last, whole = tops[-1], digest(documents)
    return Policy(
        next((last[key].text() for key in ("name", "policy_id") if key in last), documents[-1].stem),
        _version(last["version"]) if "version" in last else whole[:12],
        whole,
        [*_compiled(controls), *(native.rule for native in rules)],
        tunings=tunings,
        agents=[e for top, words in zip(tops, vocabularies, strict=True) for e in _agents(top, ids, words, dead)],
        dedups={native.rule.id: native.dedup for native in rules if native.dedup is not None},
        rule_list=rules,
        tests=_tests(last, documents[-1], ids),
        files=tuple(document.path for document in documents if document.path is not None),
        warnings=tuple(warning for native in rules for warning in unknown_tags(native)),
    )


def _checked(document: Document) -> dict[str, Field]:
    """Return the keys of a file that have a value, known and of the right kind."""
    found = {}
    for name, place in document.top.items():
        key = KEYS.get(name)
        if key is None:
            hint = f" (did you mean {_MISPLACED[name]}?)" if name in _MISPLACED else nearest(name, KEYS)
            place.fail(f"unknown key{hint}")
        if key.blank and place.is_null:
            continue
        key.kind.check(place)
        found[name] = place
    return found


def _mode(tops: Iterable[Mapping[str, Field]]) -> Mode | None:
    """Return what the last file that says a mode says."""
    found: Mode | None = None
    for top in tops:
        found = cast("Mode", top["mode"].text()) if "mode" in top else found
    return found


def _rules(tops: Sequence[Mapping[str, Field]], vocabularies: Sequence[Vocabulary], broken: Broken) -> list[NativeRule]:
    rules: dict[str, NativeRule] = {}
    for number, (top, vocabulary) in enumerate(zip(tops, vocabularies, strict=True)):
        # A file's own mode counts before that of the files that extend it.
        mode = _mode([top]) or _mode(tops[number:])
        for native in read_rules(top["rules"], vocabulary, mode, broken) if "rules" in top else ():
            name = native.rule.id
            if name in rules:
                where = rules[name].where
                id_of(native.where).fail(
                    f"{name!r} is the id of a rule in {where.source}:{where.line}; to change it, use 'overrides'"
                )
            rules[name] = native
    if any(native.where.mapping().keys() & {"when", "condition"} for native in rules.values()):
        from spanwarden.policy.rules.when import share

        share(native.rule for native in rules.values())
    return list(rules.values())


def _tunings(place: Field | None, ids: Iterable[str], vocabulary: Vocabulary) -> dict[str, Tuning]:
    if place is None:
        return {}
    found = {}
    known = frozenset(ids)
    for name, entry in place.mapping().items():
        if name not in known:
            entry.fail(f"{name[:100]!r} is no rule of this policy{nearest(name, known)}")
        found[name] = read_tuning(TUNING.fields(entry), vocabulary)
    return found


def _agents(top: Mapping[str, Field], ids: Iterable[str], vocabulary: Vocabulary, dead: Dead) -> list[AgentEntry]:
    if "agents" not in top:
        return []
    entries = []
    for name, place in top["agents"].mapping().items():
        keys = {key: field for key, field in place.mapping().items() if not field.is_null}
        if not name or len(name) > 256:
            place.fail("an agent's name, or a glob over names, has 1 to 256 characters")
        changed = compile_controls(keys, dead=dead)
        entries.append(
            AgentEntry(
                pattern=glob(name),
                controls=changed,
                mode=_mode([keys]),
                tunings=_tunings(keys.get("rules"), ids, vocabulary),
            )
        )
    return entries


def _compiled(controls: Mapping[Control, Rule | None]) -> list[Rule]:
    return [rule for control in CONTROLS if (rule := controls.get(control)) is not None]


def _tests(top: Mapping[str, Field], document: Document, ids: Iterable[str]) -> tuple[InlineTest, ...]:
    return read_tests(top["tests"], frozenset(ids), document.path) if "tests" in top else ()


def _version(field: Field) -> str:
    value = field.plain
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
        field.fail("expected a text or a number")
    return str(value)[:100]
