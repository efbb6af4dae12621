"""Gemini's contents, as the family's log events carry them: parts with texts, function calls and their responses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from spanwarden.dialects.gemini_fields import bare_call_id
from spanwarden.dialects.labels import short
from spanwarden.dialects.messages import Call, Response, Said
from spanwarden.otlp.values import parse_json

_MAX_PARTS = 500


def answer(text: str) -> Said | None:
    """Return what a model answered: from the chunks of its response in JSON, or from plain text."""
    chunks = parse_json(text)
    if isinstance(chunks, str):
        return Said("assistant", text)
    texts: list[str] = []
    calls: list[Call] = []
    for chunk in _listed(chunks):
        for candidate in _listed(_member(chunk, "candidates")):
            for part in _parts(_member(candidate, "content")):
                _answered(part, texts, calls)
    said = "".join(texts)
    return Said("assistant", said, tuple(calls)) if said or calls else None


def last_exchange(text: str) -> tuple[Said, ...]:
    """Return the last calls in the conversation that was sent and their responses; () where it ends otherwise.

    The conversation is repeated whole with every request, so what came before was the end of an earlier one.
    """
    contents = parse_json(text)
    if not isinstance(contents, list):
        return ()
    responses: list[Response] = []
    for content in reversed(contents):
        if _member(content, "role") == "model":
            calls: list[Call] = []
            for part in _parts(content):
                _answered(part, [], calls)
            return (Said("assistant", "", tuple(calls)), Said("tool", "", (), tuple(responses))) if responses else ()
        responses = [*_responses(_parts(content)), *responses]
        if len(responses) > _MAX_PARTS:
            break
    return ()


def _answered(part: Any, texts: list[str], calls: list[Call]) -> None:
    if not isinstance(part, dict) or part.get("thought") is True:
        return
    call = part.get("functionCall")
    if isinstance(call, dict):
        name = call.get("name")
        if isinstance(name, str) and name:
            calls.append(Call(_id(call), short(name), call.get("args")))
    elif isinstance(part.get("text"), str):
        texts.append(part["text"])


def _responses(parts: Iterable[Any]) -> list[Response]:
    found: list[Response] = []
    for part in parts:
        given = part.get("functionResponse") if isinstance(part, dict) else None
        if isinstance(given, dict):
            name, result = given.get("name"), given.get("response")
            failed = isinstance(result, dict) and bool(result.get("error"))
            if isinstance(result, dict) and result.keys() == {"output"}:
                result = result["output"]
            found.append(Response(_id(given), name if isinstance(name, str) else None, result, failed))
    return found


def _id(call: dict[str, Any]) -> str | None:
    told, name = call.get("id"), call.get("name")
    return bare_call_id(short(told), name if isinstance(name, str) else None) if isinstance(told, str) else None


def _parts(content: Any) -> list[Any]:
    return _listed(_member(content, "parts"))


def _listed(value: Any) -> list[Any]:
    return value[:_MAX_PARTS] if isinstance(value, list) else [] if value is None else [value]


def _member(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None
