"""Words of a bash syntax tree to text: quotes, escapes, variables assigned before, and `$(echo …)`."""

from __future__ import annotations

from tree_sitter import Node

from spanwarden.effects.shell.escapes import ansi_c, printf

_SPLIT = "\0"
"""Where an unquoted variable's blanks split a word; the source has none left."""

_MAX_DEPTH = 24
_MAX_VALUE = 4096
_MAX_LOOP = 16
_MAX_EXPANDED = 256 * 1024
"""Characters that variables may put into one text; later ones stay as written."""

_SUBSTITUTIONS = frozenset({"command_substitution", "process_substitution"})


class Expander:
    """Expands words of one source. Substitutions it meets are kept in `opened` until they are taken."""

    def __init__(self, source: bytes) -> None:
        self._bytes = source
        self._values: dict[str, list[str]] = {}
        self._looped: str | None = None
        self._turn = 0
        self._expanded = 0
        self.opened: list[Node] = []
        self.obfuscated = False

    def source(self, node: Node) -> str:
        """Return a node's text as written."""
        return self._bytes[node.start_byte : node.end_byte].decode("utf-8", "replace")

    def take_opened(self) -> list[Node]:
        """Return the substitutions met since the last call."""
        taken, self.opened = self.opened, []
        return taken

    def name(self, node: Node) -> list[str]:
        """Return a command's name, and whatever words it expands to; note names put together from pieces."""
        inner = node.named_children[0] if node.named_children else node
        written = self.source(inner)
        fields = self.fields(inner)
        plain = written.strip("\"'").removeprefix("\\")
        if fields and plain != " ".join(fields) and inner.type not in {"simple_expansion", "expansion"}:
            pieced = inner.type in {"concatenation", "ansi_c_string", "command_substitution"} or "\\" in plain
            known = not written.startswith(("~", "$HOME", "${HOME}")) and "$" not in fields[0]
            self.obfuscated = self.obfuscated or (pieced and known)
        return fields

    def fields(self, node: Node) -> list[str]:
        """Return the words that a node expands to: several where blanks, braces or a loop's values split it."""
        if node.type == "word":
            text = self.source(node)
            if "\\" not in text and "{" not in text:
                return [text]
        self._looped, self._turn = None, 0
        found = self._once(node)
        turns = self._turns()
        if turns > 1:
            marks = len(self.opened)
            for turn in range(1, turns):
                self._turn = turn
                found += self._once(node)
            self._turn = 0
            del self.opened[marks:]
        return found

    def _turns(self) -> int:
        return 1 if self._looped is None else len(self._values[self._looped])

    def _once(self, node: Node) -> list[str]:
        text = self._text(node, 0)
        fields = text.split(_SPLIT) if _SPLIT in text else [text]
        fields = [field for field in fields if field] or ([""] if _SPLIT not in text else [])
        if node.type in {"concatenation", "word"} and "{" in text:
            return [each for field in fields for each in _braces(field)]
        return fields

    def assign(self, node: Node) -> None:
        """Remember a variable assignment; `a+=b` adds to what is known."""
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        if name is None:
            return
        key = self.source(name)
        self._looped = None
        text = self._text(value, 0, quoted=True) if value is not None else ""
        if any(not child.is_named and child.type == "+=" for child in node.children):
            text = self._values.get(key, [""])[-1] + text
        if value is not None and value.type == "array":
            self._values.pop(key, None)
        else:
            self._values[key] = [text[:_MAX_VALUE]]

    def loop(self, node: Node) -> None:
        """Remember the values of a `for` loop's variable."""
        variable = node.child_by_field_name("variable")
        values = [field for child in node.children_by_field_name("value") for field in self.fields(child)]
        if variable is not None and values:
            self._values[self.source(variable)] = [value[:_MAX_VALUE] for value in values[:_MAX_LOOP]]

    def look_into(self, node: Node) -> None:
        """Note the substitutions inside a node whose text does not matter."""
        self.opened.extend(self.substitutions(node))

    def substitutions(self, node: Node) -> list[Node]:
        """Return the outermost substitutions inside a node, last first."""
        found: list[Node] = []
        nodes = [node]
        for _ in range(2000):
            if not nodes:
                break
            inner = nodes.pop()
            if inner.type in _SUBSTITUTIONS:
                found.append(inner)
            else:
                nodes.extend(inner.named_children)
        return found

    def _text(self, node: Node, depth: int, *, quoted: bool = False) -> str:
        kind = node.type
        source = self.source(node)
        if depth > _MAX_DEPTH:
            return source
        if kind == "word":
            return _unescaped(source) if "\\" in source else source
        if kind == "raw_string":
            return source[1:-1]
        if kind == "ansi_c_string":
            return ansi_c(source[2:-1])
        if kind in {"string", "translated_string"}:
            return self._string(node, depth)
        if kind == "concatenation":
            return "".join(self._text(child, depth + 1, quoted=quoted) for child in node.children)
        if kind == "simple_expansion":
            return self._variable(source[1:], source, quoted=quoted)
        if kind == "expansion":
            return self._expansion(node, source, depth, quoted=quoted)
        if kind in _SUBSTITUTIONS:
            return self._substitution(node, source, depth, quoted=quoted)
        if node.named_child_count:
            self.look_into(node)
        return source

    def _string(self, node: Node, depth: int) -> str:
        """Put a double-quoted string together; blanks between its parts belong to no node."""
        parts: list[str] = []
        at = node.start_byte + (2 if node.type == "translated_string" else 1)
        end = node.end_byte - 1
        for child in node.named_children:
            if child.type == "string" and node.type == "translated_string":
                return self._string(child, depth)
            if child.type == "string_content":
                continue
            parts.append(_unescaped_in_quotes(self._bytes[at : child.start_byte].decode("utf-8", "replace")))
            parts.append(self._text(child, depth + 1, quoted=True))
            at = child.end_byte
        parts.append(_unescaped_in_quotes(self._bytes[at:end].decode("utf-8", "replace")))
        return "".join(parts)

    def _variable(self, name: str, source: str, *, quoted: bool) -> str:
        values = self._values.get(name) if self._expanded < _MAX_EXPANDED else None
        if values is None:
            if name == "IFS" and not quoted:
                self.obfuscated = True
                return _SPLIT
            if name in {"@", "*"} or (name.isdigit() and name != "0"):
                return "" if not quoted and name.isdigit() and self._values else source
            return source
        if len(values) > 1:
            self._looped = name
        value = values[min(self._turn, len(values) - 1)]
        self._expanded += len(value)
        if quoted:
            return value
        return _SPLIT.join(value.split()) if any(character.isspace() for character in value) else value

    def _expansion(self, node: Node, source: str, depth: int, *, quoted: bool) -> str:
        names = [child for child in node.named_children if child.type == "variable_name"]
        if not names or source.startswith("${#"):
            self.look_into(node)
            return source
        name = self.source(names[0])
        inside = source[2:-1]
        if inside == name or (name == "IFS" and inside.startswith("IFS")):
            return self._variable(name, source, quoted=quoted)
        rest = inside[len(name) :] if inside.startswith(name) else ""
        if rest.startswith((":-", "-", ":=", "=")):
            if name in self._values:
                return self._variable(name, source, quoted=quoted)
            default = [child for child in node.named_children if child.start_byte >= names[0].end_byte]
            if default:
                return "".join(self._text(child, depth + 1, quoted=quoted) for child in default)
        self.look_into(node)
        return source

    def _substitution(self, node: Node, source: str, depth: int, *, quoted: bool) -> str:
        """Open a substitution; one that only echoes known text is that text."""
        self.opened.append(node)
        inner = node.named_children
        if node.type != "command_substitution" or len(inner) != 1 or inner[0].type != "command":
            return source
        words = inner[0].named_children
        if not words or words[0].type != "command_name" or any(word.type.endswith("_redirect") for word in words):
            return source
        program = self.source(words[0])
        if program not in {"echo", "printf"}:
            return source
        arguments = [self._text(word, depth + 1).replace(_SPLIT, " ") for word in words[1:]]
        said = printf(arguments) if program == "printf" else " ".join(a for a in arguments if a not in {"-n", "-e"})
        if program == "echo" and "-e" in arguments:
            said = ansi_c(said)
        return said if quoted else _SPLIT.join(said.split())


def _unescaped(text: str) -> str:
    parts: list[str] = []
    at = 0
    while at < len(text):
        if text[at] == "\\" and at + 1 < len(text):
            if text[at + 1] != "\n":
                parts.append(text[at + 1])
            at += 2
        else:
            parts.append(text[at])
            at += 1
    return "".join(parts)


def _unescaped_in_quotes(text: str) -> str:
    if "\\" not in text:
        return text
    parts: list[str] = []
    at = 0
    while at < len(text):
        if text[at] == "\\" and text[at + 1 : at + 2] in {'"', "\\", "$", "`", "\n"}:
            if text[at + 1] != "\n":
                parts.append(text[at + 1])
            at += 2
        else:
            parts.append(text[at])
            at += 1
    return "".join(parts)


def _braces(text: str) -> list[str]:
    """Expand the first `{a,b}` of a word; ranges and nested braces stay as written."""
    start, end = text.find("{"), text.find("}")
    if start < 0 or end < start or "," not in text[start:end] or text[start - 1 : start] == "$":
        return [text]
    return [text[:start] + part + text[end + 1 :] for part in text[start + 1 : end].split(",")[:_MAX_LOOP]]
