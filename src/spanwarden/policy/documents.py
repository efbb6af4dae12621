"""The files that make up a policy: the one that was asked for and all that it extends, each after what it extends."""

from __future__ import annotations

import hashlib
import importlib.resources
import stat
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import re2

from spanwarden.policy.document import Field, PolicyError, nearest
from spanwarden.policy.yaml_text import MAX_BYTES, parse

PACK = "pack:"
SUFFIXES = (".yaml", ".yml", ".json")
MAX_DEPTH = 8
MAX_DOCUMENTS = 50
_PACK_NAME = re2.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_OF_TROY = {"soc2_trust_services": "soc2", "hipaa_safeguards": "hipaa"}


@dataclass(frozen=True, slots=True)
class Document:
    """One file or pack as read. `source` names it in errors; `path` is None for a pack."""

    source: str
    stem: str
    root: Field
    body: bytes
    path: Path | None
    blank: bool = False
    """Whether nothing is in it."""
    extends: frozenset[str] = frozenset()
    """The keys of all that it extends, also by way of others."""

    @property
    def key(self) -> str:
        """Return what tells it from every other document."""
        return self.source if self.path is None else str(self.path.resolve())

    @property
    def top(self) -> dict[str, Field]:
        """Return its keys."""
        return {} if self.blank else self.root.mapping()


def gather(source: str, folder: Path | None = None) -> list[Document]:
    """Return the document called `source` as the last one, before it all that it extends, each of them once.

    source: a file, relative to `folder` where given, or `pack:NAME`. Raises PolicyError for one that cannot be read,
    that is no YAML or JSON, and for `extends` that goes in a circle, too deep, or out of the folder of its file.
    """
    found: dict[str, Document] = {}
    if source.startswith(PACK):
        document = read_pack(source)
    else:
        path = Path(source) if folder is None else folder / source
        if path.suffix.lower() not in SUFFIXES:
            raise PolicyError(f"{source}: a policy is a .yaml, .yml or .json file, or pack:NAME")
        document = _read_file(path, source)
    _collect(document, (), found)
    return list(found.values())


def digest(documents: Sequence[Document]) -> str:
    """Return the digest of the text of all documents, in hex."""
    if len(documents) == 1:
        return hashlib.blake2b(documents[0].body, digest_size=32).hexdigest()
    whole = hashlib.blake2b(digest_size=32)
    for document in documents:
        whole.update(hashlib.blake2b(document.body, digest_size=32).digest())
    return whole.hexdigest()


def _collect(document: Document, above: tuple[str, ...], found: dict[str, Document]) -> None:
    key = document.key
    extended: set[str] = set()
    for place in _extended(document):
        if len(above) + 1 >= MAX_DEPTH:
            place.fail(f"files that extend each other more than {MAX_DEPTH} deep")
        other = _open(place, document)
        if other.key in (*above, key):
            place.fail(f"{place.text()[:200]!r} extends this file in turn: a circle")
        if other.key not in found:
            _collect(other, (*above, key), found)
        extended |= {other.key, *found[other.key].extends}
        if len(found) >= MAX_DOCUMENTS:
            place.fail(f"a policy of more than {MAX_DOCUMENTS} files")
    found[key] = replace(document, extends=frozenset(extended))


def _extended(document: Document) -> list[Field]:
    if not document.blank and not document.root.is_mapping:
        document.root.mapping()  # says what is wrong
    place = document.top.get("extends")
    if place is None or place.is_null:
        return []
    places = place.entries() if place.is_list else [place]
    for each in places:
        each.text()
    return places


def _open(place: Field, document: Document) -> Document:
    """Read what a file extends. Raises PolicyError, naming the line that asks for it."""
    name = place.text()
    try:
        if name.startswith(PACK):
            return read_pack(name)
        if document.path is None:
            place.fail("a pack extends packs only")
        folder = document.path.parent
        path = folder / name
        if path.suffix.lower() not in SUFFIXES:
            place.fail(f"{name[:200]!r} is no .yaml, .yml or .json file and no pack:NAME")
        if "\0" in name or not path.resolve().is_relative_to(folder.resolve()):
            place.fail(f"{name[:200]!r} is outside of the folder of this file")
        shown = str(Path(document.source).parent / name)
        return _read_file(path, shown)
    except OSError as error:
        place.fail(f"{name[:200]!r}: {error.strerror or 'cannot be read'}")
    except PolicyError as error:
        if isinstance(error, _UnreadableError):
            place.fail(str(error))
        raise


class _UnreadableError(PolicyError):
    pass


def pack_names() -> tuple[str, ...]:
    """Return the names of the built-in packs."""
    files = importlib.resources.files("spanwarden.policy.packs").iterdir()
    return tuple(sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml")))


def read_pack(source: str) -> Document:
    """Return a built-in pack by `pack:NAME`, in which `-` and `_` are alike. Raises PolicyError for any other name.

    A pack of troy's also goes by the `policy_id` that it has there.
    """
    asked = source.removeprefix(PACK)
    known = {name.replace("-", "_"): name for name in pack_names()}
    name = (_OF_TROY | known).get(asked.replace("-", "_")) if _PACK_NAME.fullmatch(asked) else None
    if name is None:
        hint = nearest(asked, known.values())
        raise _UnreadableError(f"{PACK}{asked[:64]}: no such pack{hint}; there is {', '.join(known.values())}")
    body = importlib.resources.files("spanwarden.policy.packs").joinpath(f"{name}.yaml").read_bytes()
    return _document(body, PACK + name, name, None)


def _read_file(path: Path, source: str) -> Document:
    try:
        # Asked before it is opened: opening a pipe would wait for its writer.
        if not stat.S_ISREG(path.stat().st_mode):
            raise _UnreadableError(f"{source}: not a regular file")
        with path.open("rb") as file:
            body = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        if isinstance(error, PolicyError):
            raise
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise _UnreadableError(f"{source}: {reason}") from None
    return _document(body, source, path.stem, path)


def _document(body: bytes, source: str, stem: str, path: Path | None) -> Document:
    as_json = path is not None and path.suffix.lower() == ".json"
    root = Field(source, "", parse(body, source, as_json=as_json))
    return Document(source, stem, root, body, path, blank=root.is_null and not as_json)
