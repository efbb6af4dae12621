"""What several content rules of one run share: provenance, secrets, what was captured. Worked out once a run."""

from __future__ import annotations

from typing import NamedTuple

from spanwarden.detectors.personal import find_personal
from spanwarden.detectors.provenance import Provenance, Step
from spanwarden.detectors.secrets import Secret, find_secrets, secret_by_name
from spanwarden.detectors.texts import leaves
from spanwarden.policy.rules.base import RunView

MAX_SCANNED = 4 * 1024 * 1024
"""Characters of one run that are searched for secrets and personal data."""


class Sensitive(NamedTuple):
    """A secret or personal data in an event's content. `value` is whole: mask it before it leaves."""

    event: int
    field: str
    category: str
    kind: str
    value: str
    certain: bool


def provenance(view: RunView) -> Provenance:
    """Return where the run's values came from."""
    return view.once("content.provenance", lambda: Provenance(_steps(view)))


def _steps(view: RunView) -> list[Step]:
    steps = []
    for index, event in enumerate(view.events):
        content = view.content(index)
        if event.kind in ("tool_call", "retrieval"):
            steps.append(Step(None, event.tool or event.kind, content.arguments, content.result, content.error))
        elif event.kind == "message":
            said = content.text if event.role in ("user", "system", "developer") else None
            answer = content.text if event.role == "assistant" else None
            steps.append(Step(said, answer=answer, by_user=event.role == "user"))
        else:
            steps.append(Step(None))
    return steps


def sensitive(view: RunView, field: str) -> list[Sensitive]:
    """Return the secrets and personal data in every call's "result" or "arguments", in order."""
    return view.once(("content.sensitive", field), lambda: _sensitive(view, field))


def _sensitive(view: RunView, field: str) -> list[Sensitive]:
    found: list[Sensitive] = []
    budget = MAX_SCANNED
    for index, event in enumerate(view.events):
        if event.kind not in ("tool_call", "retrieval"):
            continue
        for leaf in leaves(getattr(view.content(index), field), field):
            if budget <= 0:
                return found
            budget -= len(leaf.text)
            key = leaf.field.rpartition(".")[2]
            secrets = find_secrets(leaf.text) or _named(key, leaf.text)
            found += [Sensitive(index, leaf.field, _category(s), s.kind, s.value, s.certain) for s in secrets]
            found += [Sensitive(index, leaf.field, "pii", p.kind, p.value, True) for p in find_personal(leaf.text)]
    return found


def _named(key: str, text: str) -> list[Secret]:
    secret = secret_by_name(key, text)
    return [secret] if secret else []


def _category(secret: Secret) -> str:
    return "password" if secret.kind == "named-secret" else "secret"
