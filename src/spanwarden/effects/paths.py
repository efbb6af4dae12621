"""Paths as agents write them, in one spelling."""

from __future__ import annotations

from spanwarden.effects.limits import MAX_TARGET


def normalise_path(path: str, cwd: str | None = None) -> str:
    """Return a path with `/` between its parts and without `.`, `..` and doubled separators.

    cwd: the folder that a relative path starts from; without it the path stays relative, and `..` that lead out of it
    are kept. `~` stays (`~/x`), as the home folder of another machine is not known; `$HOME`, `${HOME}` and
    `%USERPROFILE%` at the start become `~`. A `file://` URL becomes its path. A Windows drive is kept in upper case
    (`C:/x`). Case and symbolic links are left alone; nothing is looked up.
    """
    text = _plain(path[:MAX_TARGET])
    if not text:
        return ""
    root, rest = _root(text)
    if not root and cwd:
        root, base = _root(_plain(cwd[:MAX_TARGET]))
        rest = f"{base}/{rest}"
    parts: list[str] = []
    for part in rest.split("/"):
        if part in {"", "."}:
            continue
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part == ".." and root and not root.startswith("~"):
            continue  # above a root there is only the root
        else:
            parts.append(part)
    joined = "/".join(parts)
    if root.startswith("~"):
        return f"{root}/{joined}" if joined else root
    if not root and (_plain(joined) != joined or _root(joined)[0]):
        return f"./{joined}"  # a file of this folder whose name would read as a home folder or a drive
    return root + joined or "."


def _plain(path: str) -> str:
    text = path.strip().strip("\0").replace("\\", "/")
    if text[:7].lower() == "file://":
        text = text[7:].removeprefix("localhost")
        if len(text) > 3 and text[0] == "/" and text[2] == ":":
            text = text[1:]
    for home in ("${HOME}", "$HOME", "%USERPROFILE%", "$env:USERPROFILE"):
        if text.startswith(home) and text[len(home) : len(home) + 1] in {"", "/"}:
            return "~" + text[len(home) :]
    return text


def _root(text: str) -> tuple[str, str]:
    """Split off `/`, `C:/` or `~user`."""
    if text.startswith("~"):
        home, _, rest = text.partition("/")
        return home, rest
    if len(text) >= 2 and text[1] == ":" and text[0].isalpha() and text[0].isascii():
        return f"{text[0].upper()}:/", text[2:].lstrip("/")
    if text.startswith("/"):
        return "/", text
    return "", text
