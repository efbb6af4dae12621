"""Which files a patch touches: the apply_patch envelope and unified diffs."""

from __future__ import annotations

from spanwarden.effects.limits import MAX_EFFECTS, MAX_TEXT
from spanwarden.model.event import Effect

_ENVELOPE = {
    "*** Add File: ": "create",
    "*** Update File: ": None,
    "*** Delete File: ": "delete",
    "*** Move to: ": "move",
}


def looks_like_patch(text: str) -> bool:
    """Tell whether a text is an apply_patch envelope or a unified diff."""
    head = text[:MAX_TEXT]
    return (
        "*** Begin Patch" in head or head.startswith(("--- ", "diff --git ")) or ("\n--- " in head and "\n+++ " in head)
    )


def files_of_patch(text: str) -> list[Effect]:
    """Return a file_write for each file named, with "create", "delete" or "move" where the patch says so."""
    effects: list[Effect] = []
    old = ""
    envelope = "*** Begin Patch" in text[:MAX_TEXT]
    for line in text[:MAX_TEXT].splitlines():
        if len(effects) >= MAX_EFFECTS:
            break
        if envelope:
            for mark, detail in _ENVELOPE.items():
                if line.startswith(mark) and (path := line[len(mark) :].strip()):
                    effects.append(Effect("file_write", path, detail))
        elif line.startswith("--- "):
            old = _diff_path(line)
        elif line.startswith("+++ "):
            new = _diff_path(line)
            if new == "/dev/null":
                effects.append(Effect("file_write", old or None, "delete"))
            else:
                effects.append(Effect("file_write", new or None, "create" if old == "/dev/null" else None))
        elif line.startswith("rename to "):
            effects.append(Effect("file_write", line[10:].strip(), "move"))
    return effects


def _diff_path(line: str) -> str:
    path = line[4:].split("\t", 1)[0].strip()
    return path[2:] if path.startswith(("a/", "b/")) else path
