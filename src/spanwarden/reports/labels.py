"""What people know of recorded runs: which were bad, and which rules should say so."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import PurePath
from typing import NamedTuple

MAX_LABELS = 1_000_000
_YES = frozenset({"1", "true", "yes", "y", "bad", "attack", "unsafe", "positive", "malicious"})
_NO = frozenset({"0", "false", "no", "n", "good", "benign", "safe", "negative", ""})
COLUMNS = ("run", "label", "rules")


class LabelError(ValueError):
    """A file of labels cannot be read; the text is one line with the file and the line in it."""


class Label(NamedTuple):
    """What is known of one run. `rules` are those that should fire, None where the label does not say which."""

    bad: bool
    rules: frozenset[str] | None = None


def read_labels(text: str, where: str) -> dict[str, Label]:
    """Return labels by run, from CSV with the columns `run`, `label` and, where wanted, `rules` (split by blanks).

    A run is named by its id, or by the file that it comes from. Raises LabelError.
    """
    rows = csv.DictReader(io.StringIO(text))
    columns = [name.strip() for name in rows.fieldnames or ()]
    if not {"run", "label"} <= set(columns) or set(columns) - set(COLUMNS):
        raise LabelError(
            f"{where}:1: expected the columns run, label and perhaps rules, got {', '.join(columns)[:100]}"
        )
    rows.fieldnames = columns
    found: dict[str, Label] = {}
    try:
        for row in rows:
            if len(found) >= MAX_LABELS:
                raise LabelError(f"{where}:{rows.line_num}: more than {MAX_LABELS} labels")
            run = (row["run"] or "").strip()
            if not run:
                raise LabelError(f"{where}:{rows.line_num}: names no run")
            found[run] = Label(_bad(row["label"], f"{where}:{rows.line_num}"), _rules(row.get("rules")))
    except csv.Error as error:
        raise LabelError(f"{where}:{rows.line_num}: {error}") from None
    return found


def label_of(labels: Mapping[str, Label], run: str, source: str) -> Label | None:
    """Return the label of a run by its id, its file, the file's name or that without suffix; None without any."""
    path = PurePath(source)
    for name in (run, source, path.name, path.stem):
        if name in labels:
            return labels[name]
    return None


def _bad(text: str | None, where: str) -> bool:
    word = (text or "").strip().lower()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise LabelError(f"{where}: the label {word[:40]!r} is neither true nor false")


def _rules(text: str | None) -> frozenset[str] | None:
    return frozenset(text.split()) if text and text.strip() else None
