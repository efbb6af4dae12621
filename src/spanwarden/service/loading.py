"""From settings files to `Settings`: several sources merged, ${env:NAME} filled in, errors that name the place."""

from __future__ import annotations

import difflib
import os
import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml
from pydantic import ValidationError

from spanwarden.configuration.section import Section
from spanwarden.exporters.base import ExporterSettings
from spanwarden.service.components import EXTENSIONS, PROCESSORS, exporter_factories
from spanwarden.service.settings import Settings

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
_REFERENCE = re.compile(r"\$\$|\$\{(?:env:)?([^}:]*)(?::-([^}]*))?\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class SettingsError(ValueError):
    """Settings that cannot be used; the text names the source and the key."""


def load(
    sources: Sequence[str] = (), overrides: Sequence[str] = (), environ: Mapping[str, str] | None = None
) -> Settings:
    """Read and check settings.

    sources: paths, or `env:NAME` for a variable that holds the YAML text, or `yaml:` with the text itself; later ones
        are merged over earlier ones. overrides: `key.path=value`, applied last. Raises SettingsError.
    """
    environ = os.environ if environ is None else environ
    merged: dict[str, Any] = {}
    for source in sources:
        merged = _merge(merged, _read(source, environ))
    for override in overrides:
        merged = _merge(merged, _override(override))
    origin = ", ".join(s.split("\n")[0][:80] for s in sources) or "settings"
    return check(_expand(merged, environ, origin), origin)


def check(values: Mapping[str, Any], origin: str = "settings") -> Settings:
    """Validate settings given as plain data. Raises SettingsError."""
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError(f"{origin}: {_explain(error, Settings, ())}") from None
    exporters = {name: _exporter(name, value, origin) for name, value in settings.exporters.items()}
    for name in settings.service.extensions or ():
        if name not in EXTENSIONS:
            raise SettingsError(f"{origin}: service.extensions: no extension {name!r}{_nearest(name, EXTENSIONS)}")
    _check_pipelines(settings, exporters, origin)
    settings = settings.model_copy(update={"exporters": exporters})
    _check_content(settings, origin)
    return settings


def _check_content(settings: Settings, origin: str) -> None:
    """Refuse an exporter that is to send words which the ledger, that it sends from, does not keep."""
    kept = settings.extensions.storage.content
    for name, exporter in settings.findings_exporters.items():
        if exporter.content == "full" and kept != "full":
            raise SettingsError(
                f"{origin}: exporters.{name}.content: full needs extensions.storage.content: full, which is {kept!r}"
            )


def _check_pipelines(settings: Settings, exporters: Mapping[str, ExporterSettings], origin: str) -> None:
    known = {"receivers": ["otlp"], "processors": list(PROCESSORS), "exporters": list(exporters)}
    for signal in type(settings.service.pipelines).model_fields:
        pipeline = getattr(settings.service.pipelines, signal)
        for part, names in known.items():
            for name in getattr(pipeline, part) or ():
                if name not in names:
                    place = f"service.pipelines.{signal}.{part}"
                    raise SettingsError(f"{origin}: {place}: no {part[:-1]} {name!r}{_nearest(name, names)}")

    both = set(settings.service.pipelines.upstreams()) & set(settings.service.pipelines.findings.exporters or ())
    if both:
        name = min(both)
        place = "service.pipelines.findings.exporters"
        raise SettingsError(f"{origin}: {place}: {name!r} forwards telemetry; give findings an exporter of their own")


def _exporter(name: str, value: Any, origin: str) -> ExporterSettings:
    kind = name.partition("/")[0]
    factories = exporter_factories()
    factory = factories.get(kind)
    if factory is None:
        raise SettingsError(f"{origin}: exporters: unknown exporter type {kind!r}{_nearest(kind, factories)}")
    try:
        return factory.settings.model_validate({} if value is None else value)
    except ValidationError as error:
        raise SettingsError(f"{origin}: {_explain(error, factory.settings, ('exporters', name))}") from None


def _read(source: str, environ: Mapping[str, str]) -> dict[str, Any]:
    if source.startswith("env:"):
        text = environ.get(source[4:])
        if text is None:
            raise SettingsError(f"{source}: the environment variable is not set")
    elif source.startswith("yaml:"):
        text = source[5:]
    else:
        path = pathlib.Path(source.removeprefix("file:"))
        try:
            if path.stat().st_size > MAX_BYTES:
                raise SettingsError(f"{source}: larger than {MAX_BYTES} bytes")
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
            raise SettingsError(f"{source}: {reason}") from None
    return _parse(text, source.partition("\n")[0][:80])


def _parse(text: str, source: str) -> dict[str, Any]:
    try:
        for token in yaml.scan(text, Loader=yaml.SafeLoader):
            if isinstance(token, yaml.AliasToken):
                raise SettingsError(f"{source}: line {token.start_mark.line + 1}: YAML aliases are not supported")
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}:" if mark else ""
        raise SettingsError(f"{source}:{line} {getattr(error, 'problem', None) or 'not YAML'}") from None
    except RecursionError:
        raise SettingsError(f"{source}: nested too deeply") from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise SettingsError(f"{source}: expected a mapping")
    return value


def _override(text: str) -> dict[str, Any]:
    path, separator, value = text.partition("=")
    if not separator or not path:
        raise SettingsError(f"--set {text!r}: expected key.path=value")
    try:
        result: Any = yaml.safe_load(value)
    except yaml.YAMLError:
        raise SettingsError(f"--set {path}: the value is not YAML") from None
    for part in reversed(re.split(r"\.|::", path)):
        result = {part: result}
    return dict(result)


def _merge(below: Any, above: Any, depth: int = 0) -> Any:
    if depth > MAX_DEPTH or not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    merged = dict(below)
    for key, value in above.items():
        merged[key] = _merge(below[key], value, depth + 1) if key in below else value
    return merged


def _expand(value: Any, environ: Mapping[str, str], origin: str, place: str = "", depth: int = 0) -> Any:
    if depth > MAX_DEPTH:
        raise SettingsError(f"{origin}: {place}: nested too deeply")
    if isinstance(value, dict):
        expanded = {}
        for key, item in value.items():
            here = f"{place}.{key}" if place else str(key)
            expanded[str(key)] = _expand(item, environ, origin, here, depth + 1)
        return expanded
    if isinstance(value, list):
        return [_expand(item, environ, origin, f"{place}[{i}]", depth + 1) for i, item in enumerate(value)]
    if isinstance(value, str) and "$" in value:
        return _fill(value, environ, origin, place)
    return value


def _fill(text: str, environ: Mapping[str, str], origin: str, place: str) -> Any:
    def replace(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        name, default = match[1], match[2]
        if not _NAME.fullmatch(name):
            raise SettingsError(f"{origin}: {place}: {match[0]!r} is no reference; write ${{env:NAME}}")
        value = environ.get(name, default)
        if value is None:
            raise SettingsError(f"{origin}: {place}: the environment variable {name} is not set")
        return value

    filled = _REFERENCE.sub(replace, text)
    whole = _REFERENCE.fullmatch(text)
    if whole and text != "$$":
        # As in the Collector, a value that is one reference takes the type that it spells: 8080 is a number.
        try:
            typed = yaml.safe_load(filled)
        except yaml.YAMLError:
            return filled
        return typed if isinstance(typed, bool | int | float) else filled
    return filled


def _explain(error: ValidationError, model: type[Section], prefix: Sequence[str]) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    place = [*prefix, *(str(part) for part in first["loc"])]
    if first["type"] == "extra_forbidden":
        known = _fields(model, first["loc"][:-1])
        where = ".".join(place[:-1]) or "top level"
        return f"{where}: unknown key {place[-1]!r}{_nearest(place[-1], known)}"
    message = first["msg"].removeprefix("Value error, ")
    return f"{'.'.join(place) or 'settings'}: {message[:1].lower()}{message[1:]}"


def _fields(model: type[Section], path: Sequence[int | str]) -> list[str]:
    """Return the keys that are known at a place in the settings."""
    current: Any = model
    for part in path:
        field = getattr(current, "model_fields", {}).get(part)
        candidates = [field.annotation, *getattr(field.annotation, "__args__", ())] if field else []
        sections = [c for c in candidates if isinstance(c, type) and issubclass(c, Section)]
        if not sections:
            return []
        current = sections[0]
    return list(current.model_fields)


def _nearest(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if close:
        return f", did you mean {close[0]!r}?"
    return f"; known: {', '.join(names)}" if names else ""
