"""Policy files and built-in packs, from text to a compiled policy."""

from __future__ import annotations

import hashlib
import importlib.resources
import stat
from pathlib import Path

import re2

from spanwarden.policy.document import Field, PolicyError, nearest
from spanwarden.policy.policy import Policy
from spanwarden.policy.rule_list import read_rules
from spanwarden.policy.tracegate_keys import KEYS, LIMITS, compile_controls
from spanwarden.policy.yaml_text import MAX_BYTES, parse

PACK = "pack:"
KNOWN = frozenset({"version", "name", "description", "rules"}) | KEYS
_SUFFIXES = (".yaml", ".yml", ".json")
_MISPLACED = {key: f"limits.{key}" for key in LIMITS}
_PACK_NAME = re2.compile(r"[a-z0-9][a-z0-9-]{0,63}")

__all__ = ["PACK", "Policy", "PolicyError", "load", "pack_names"]


def load(source: str, *, folder: Path | None = None) -> Policy:
    """Return the policy in a file (.yaml, .yml, .json; relative to `folder` where given) or the pack `pack:NAME`.

    Raises PolicyError, whose text is one line with file, line and key, for a file that cannot be read, that is not
    YAML or JSON, that has an unknown key, or whose rules do not compile.
    """
    if source.startswith(PACK):
        return _compiled(_pack(source), source, source.removeprefix(PACK), as_json=False)
    path = Path(source) if folder is None else folder / source
    if path.suffix.lower() not in _SUFFIXES:
        raise PolicyError(f"{source}: a policy is a .yaml, .yml or .json file, or pack:NAME")
    return _compiled(_file(path, source), source, path.stem, as_json=path.suffix.lower() == ".json")


def pack_names() -> tuple[str, ...]:
    """Return the names of the built-in packs."""
    files = importlib.resources.files("spanwarden.policy.packs").iterdir()
    return tuple(sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml")))


def _pack(source: str) -> bytes:
    name = source.removeprefix(PACK)
    known = pack_names()
    if not _PACK_NAME.fullmatch(name) or name not in known:
        raise PolicyError(f"{PACK}{name[:64]}: no such pack{nearest(name, known)}; there is {', '.join(known)}")
    return importlib.resources.files("spanwarden.policy.packs").joinpath(f"{name}.yaml").read_bytes()


def _file(path: Path, source: str) -> bytes:
    try:
        # Asked before it is opened: opening a pipe would wait for its writer.
        if not stat.S_ISREG(path.stat().st_mode):
            raise PolicyError(f"{source}: not a regular file")
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        if isinstance(error, PolicyError):
            raise
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise PolicyError(f"{source}: {reason}") from None


def _compiled(body: bytes, source: str, stem: str, *, as_json: bool) -> Policy:
    root = Field(source, "", parse(body, source, as_json=as_json))
    digest = hashlib.blake2b(body, digest_size=32).hexdigest()
    if root.is_null and not as_json:
        return Policy(stem, digest[:12], digest, ())
    top = root.mapping()
    for key, field in top.items():
        if key not in KNOWN:
            hint = f" (did you mean {_MISPLACED[key]}?)" if key in _MISPLACED else nearest(key, KNOWN)
            field.fail(f"unknown key{hint}")
    if "description" in top:
        top["description"].text(empty=True)
    name = top["name"].text() if "name" in top else stem
    version = _version(top["version"]) if "version" in top else digest[:12]
    rules, weights = read_rules(top["rules"]) if "rules" in top and not top["rules"].is_null else ([], {})
    return Policy(name, version, digest, [*compile_controls(top), *rules], weights)


def _version(field: Field) -> str:
    value = field.plain
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
        field.fail("expected a text or a number")
    return str(value)[:100]
