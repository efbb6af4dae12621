"""Program text in other languages, read lightly: the URLs it names and the files it opens."""

from __future__ import annotations

from typing import Any

import re2

from spanwarden.effects.encodable import encodable
from spanwarden.effects.limits import MAX_TEXT
from spanwarden.effects.urls import urls_in
from spanwarden.model.event import Effect

_QUOTED = r"""\(\s*[rRbBuUfF]{0,2}(?:"([^"\n]+)"|'([^'\n]+)'|`([^`\n]+)`)"""
_MODE = r"""(?:\s*,\s*(?:mode\s*=\s*)?["']([rwaxbt+]{1,4})["'])?"""
_OPEN = re2.compile(r"\b(?:open|Path|PosixPath)" + _QUOTED + _MODE)
_PATH_WRITE = re2.compile(r"^\s*\)\s*\.\s*(?:write_text|write_bytes|touch|mkdir|unlink|rename|rmdir)\b")
_READ = re2.compile(
    r"\b(?:readFileSync|readFile|createReadStream|read_csv|read_json|loadtxt|slurp|IO\.read|File\.read)" + _QUOTED
)
_WRITE = re2.compile(
    r"\b(?:writeFileSync|writeFile|appendFileSync|appendFile|createWriteStream|to_csv|to_json|savetxt|File\.write)"
    + _QUOTED
)
_DELETE = re2.compile(
    r"\b(?:unlinkSync|unlink|rmSync|rmdirSync|rmtree|os\.remove|os\.unlink|os\.rmdir|File\.delete)" + _QUOTED
)
_RUN = re2.compile(
    r"\b(?:os\.system|os\.popen|subprocess\.\w+|execSync|exec|spawnSync|spawn|check_output|Popen)" + _QUOTED
)
_SENDS = re2.compile(
    r"(?i)requests\.(?:post|put|patch)|httpx\.(?:post|put|patch)|method\s*[:=]\s*[\"'](?:post|put|patch)|"
    r"axios\.(?:post|put|patch)|session\.post|urlopen\([^)\n]*\bdata\s*=|\.sendall\(|Net::HTTP\.post"
)
_EACH = 16


def code_effects(text: str) -> list[Effect]:
    """Return files and URLs that a program's text names literally; what it computes is not seen."""
    source = encodable(text[:MAX_TEXT])
    effects: list[Effect] = []
    for match in _first(_OPEN, source):
        path = _argument(match)
        mode = match.group(4) or "r"
        writes = any(letter in mode for letter in "wax+") or _PATH_WRITE.match(source[match.end() : match.end() + 40])
        effects.append(Effect("file_write" if writes else "file_read", path))
    for pattern, kind, detail in (
        (_READ, "file_read", None),
        (_WRITE, "file_write", None),
        (_DELETE, "file_write", "delete"),
    ):
        for match in _first(pattern, source):
            path = _argument(match)
            effects.append(Effect("file_write" if kind == "file_write" else "file_read", path, detail))
    sends = _SENDS.search(source) is not None
    effects.extend(Effect("network_send" if sends else "network_fetch", url) for url in urls_in(source))
    return effects


def commands_in(text: str) -> list[str]:
    """Return the shell commands that a program's text starts with literal text."""
    return [_argument(match) for match in _first(_RUN, encodable(text[:MAX_TEXT]))]


def _argument(match: Any) -> str:
    return match.group(1) or match.group(2) or match.group(3) or ""


def _first(pattern: Any, source: str) -> list[Any]:
    found = []
    for match in pattern.finditer(source):
        found.append(match)
        if len(found) >= _EACH:
            break
    return found


_AWK_WRITE = re2.compile(r'>{1,2}\s*"([^"\n]+)"')
_AWK_READ = re2.compile(r'getline\s*(?:\w+\s*)?<\s*"([^"\n]+)"')


def awk_files(program: str) -> list[Effect]:
    """Return the files that an awk program names beside its arguments."""
    source = encodable(program[:MAX_TEXT])
    found = [Effect("file_write", match.group(1)) for match in _first(_AWK_WRITE, source)]
    return found + [Effect("file_read", match.group(1)) for match in _first(_AWK_READ, source)]
