"""Bash text to simple commands, by tree-sitter: quotes removed, variables followed, substitutions opened."""

from __future__ import annotations

from collections.abc import Iterator

import tree_sitter_bash
from tree_sitter import Language, Node, Parser

from spanwarden.effects.shell.command import Command, Redirect, program_name
from spanwarden.effects.shell.expansion import Expander

_PARSER = Parser(Language(tree_sitter_bash.language()))
_ASCII = bytes(byte if 0 < byte < 0x80 else ord(" " if byte == 0 else ".") for byte in range(256))
"""What the parser is shown: the grammar's scanner looks characters up in C tables that end at 255, and reading past
them has crashed the process. To a shell a byte above 127 is part of a word, as a dot is; places stay the same."""

MAX_NODES = 20_000
"""Syntax nodes visited in one text."""

_WORDS = frozenset(
    {
        "word",
        "string",
        "raw_string",
        "ansi_c_string",
        "translated_string",
        "concatenation",
        "number",
        "simple_expansion",
        "expansion",
        "arithmetic_expansion",
        "test_command",
        "variable_name",
        "extglob_pattern",
        "regex",
        "array",
        "c_style_for_statement",
    }
)
_SKIPPED = frozenset({"comment", "heredoc_start", "heredoc_end", "file_descriptor", "special_variable_name"})


class Syntax:
    """One parsed text. `commands()` yields its simple commands in order; then `unparsed` and `obfuscated` are known."""

    def __init__(self, text: str) -> None:
        self._source = text.encode("utf-8", "replace").replace(b"\0", b" ")
        self._root = _PARSER.parse(self._source.translate(_ASCII)).root_node
        self._expander = Expander(self._source)
        self.visited = 0
        self.unparsed = self._root.has_error

    @property
    def obfuscated(self) -> bool:
        """Whether a command's name was put together from pieces, or blanks were hidden in `$IFS`."""
        return self._expander.obfuscated

    def commands(self) -> Iterator[Command]:
        """Yield every simple command, those inside substitutions and functions too."""
        stack: list[tuple[Node, list[Command] | None, list[Node]]] = [(self._root, None, [])]
        while stack:
            node, pipe, redirects = stack.pop()
            self.visited += 1
            if self.visited > MAX_NODES:
                self.unparsed = True
                return
            kind = node.type
            if kind in _SKIPPED:
                continue
            if kind == "command":
                yield self._command(node, redirects, pipe)
                stack.extend((inner, None, []) for inner in self._opened())
            elif kind == "redirected_statement":
                if node.child_by_field_name("body") is None:
                    yield self._bare([child for child in node.named_children if child.type.endswith("_redirect")])
                    stack.extend((inner, None, []) for inner in self._opened())
                stack.extend(self._redirected(node, redirects, pipe))
            elif kind == "pipeline":
                stages: list[Command] = pipe if pipe is not None else []
                children = node.named_children
                last = len(children) - 1
                stack.extend((child, stages, redirects if at == last else []) for at, child in _backwards(children))
            elif kind == "variable_assignment":
                self._expander.assign(node)
                stack.extend((inner, None, []) for inner in self._opened())
            elif kind == "for_statement":
                self._expander.loop(node)
                stack.extend((inner, None, []) for inner in self._opened())
                body = node.child_by_field_name("body")
                stack.extend(((body, pipe, []),) if body else ())
            elif kind in _WORDS:
                stack.extend((inner, None, []) for inner in self._expander.substitutions(node))
            else:
                if redirects:
                    yield self._bare(redirects)
                    stack.extend((inner, None, []) for inner in self._opened())
                stack.extend((child, pipe, []) for _, child in _backwards(node.named_children))

    def _redirected(
        self, node: Node, outer: list[Node], pipe: list[Command] | None
    ) -> list[tuple[Node, list[Command] | None, list[Node]]]:
        body = node.child_by_field_name("body")
        redirects = [child for child in node.named_children if child.type.endswith("_redirect")] + outer
        # `cat <<EOF | sh` hides the rest of its pipeline or list inside the here-document's node.
        tail = [
            child
            for redirect in redirects
            if redirect.type == "heredoc_redirect"
            for child in redirect.named_children
            if child.type in {"pipeline", "list", "command", "redirected_statement"}
        ]
        if body is None:
            body = node
        if tail and pipe is None:
            pipe = []
        if body is node:
            return [(child, pipe, []) for child in node.named_children if not child.type.endswith("_redirect")]
        later: list[tuple[Node, list[Command] | None, list[Node]]] = [(child, pipe, []) for child in reversed(tail)]
        if body.type == "list":
            left, right = body.named_children[:-1], body.named_children[-1:]
            return [
                *later,
                *((child, pipe, redirects) for child in right),
                *((child, pipe, []) for child in reversed(left)),
            ]
        return [*later, (body, pipe, redirects)]

    def _command(self, node: Node, outer: list[Node], pipe: list[Command] | None) -> Command:
        words: list[str] = []
        redirects = list(outer)
        for child in node.children:
            kind = child.type
            if kind == "command_name":
                words.extend(self._expander.name(child))
            elif kind == "variable_assignment":
                self._expander.look_into(child)
            elif kind.endswith("_redirect"):
                redirects.append(child)
            else:
                words.extend(self._expander.fields(child))
        command = self._with_redirects(words, redirects)
        if pipe is not None:
            command.upstream = tuple(pipe[-8:])
            pipe.append(command)
        return command

    def _bare(self, redirects: list[Node]) -> Command:
        return self._with_redirects([], redirects)

    def _with_redirects(self, words: list[str], redirects: list[Node]) -> Command:
        found: list[Redirect] = []
        stdin: str | None = None
        for redirect in redirects:
            if redirect.type == "file_redirect":
                operator, targets = self._file_redirect(redirect)
                if targets:
                    found.append(Redirect(operator, targets[0]))
                    words.extend(targets[1:])  # the grammar counts later arguments to the redirection
            elif redirect.type == "herestring_redirect":
                stdin = " ".join(field for child in redirect.named_children for field in self._expander.fields(child))
            else:
                stdin = self._heredoc(redirect, found, words)
        return Command(words, tuple(found), stdin, (), self._programs())

    def _file_redirect(self, node: Node) -> tuple[str, list[str]]:
        operator = ""
        targets: list[str] = []
        for child in node.children:
            if child.type == "ERROR":  # the grammar does not know `<>`
                operator += self._expander.source(child).strip()
            if child.type in {"file_descriptor", "ERROR"}:
                continue
            if not child.is_named and not operator:
                operator = child.type
            elif child.type == "number" and operator in {">&", "<&"}:
                continue
            elif child.is_named:
                targets.extend(self._expander.fields(child))
        return operator, targets

    def _heredoc(self, node: Node, found: list[Redirect], words: list[str]) -> str:
        body = ""
        for child in node.named_children:
            if child.type == "heredoc_body":
                body = self._expander.source(child)
                self._expander.look_into(child)
            elif child.type == "file_redirect":
                operator, targets = self._file_redirect(child)
                found.extend(Redirect(operator, target) for target in targets[:1])
            elif child.type in _WORDS:
                words.extend(self._expander.fields(child))
        return body

    def _opened(self) -> list[Node]:
        """Return the substitutions met since the last call, last first."""
        return self._expander.take_opened()[::-1]

    def _programs(self) -> frozenset[str]:
        """Name the programs that the substitutions met so far in this command run."""
        names = set()
        for opened in self._expander.opened:
            nodes = [opened]
            for _ in range(200):
                if not nodes:
                    break
                node = nodes.pop()
                if node.type == "command_name":
                    names.add(program_name(self._expander.source(node)))
                else:
                    nodes.extend(reversed(node.named_children[:20]))
        return frozenset(names)


def _backwards(children: list[Node]) -> list[tuple[int, Node]]:
    return list(enumerate(children))[::-1]
