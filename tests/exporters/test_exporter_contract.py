"""What every registered exporter must pass, found through the entry points."""

import subprocess
import sys
from importlib.metadata import entry_points

import pytest
from pydantic import BaseModel, ValidationError

from exporters.notices import evaluation_notice, finding_notice
from exporters.receiving import dead_port
from spanwarden.exporters.base import ExporterSettings, Factory, RetryableError

FACTORIES = [(point.name, point.load()) for point in entry_points(group="spanwarden.exporters")]
EACH = pytest.mark.parametrize(("name", "factory"), FACTORIES, ids=[name for name, _ in FACTORIES])
HIDDEN = "hunter2-do-not-print"


def minimal(factory: Factory, **more) -> ExporterSettings:
    """Settings with only what is required, pointed at a port where nobody listens."""
    fields = factory.settings.model_fields
    values = dict(more)
    if "url" in fields:
        values["url"] = f"http://127.0.0.1:{dead_port()}/hook"
    if "endpoint" in fields:
        values |= {"endpoint": f"127.0.0.1:{dead_port()}", "tls": {"insecure": True}}
    return factory.settings.model_validate({"timeout": "2s"} | values)


def notices(exporter) -> list:
    offered = [finding_notice(), evaluation_notice()]
    return [notice for notice in offered if notice.kind in exporter.wants][: exporter.max_batch]


def test_the_three_exporters_of_this_step_are_registered():
    assert {"console", "otlp", "webhook"} <= {name for name, _ in FACTORIES}


@EACH
def test_the_factory_is_complete(name, factory):
    assert isinstance(factory, Factory)
    assert factory.name == name
    assert issubclass(factory.settings, ExporterSettings)
    assert factory.description.endswith(".")


def undescribed(model: type[BaseModel], path: str) -> list[str]:
    missing = []
    for field_name, field in model.model_fields.items():
        if not (field.description or "").endswith("."):
            missing.append(f"{path}.{field_name}")
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            missing += undescribed(field.annotation, f"{path}.{field_name}")
    return missing


@EACH
def test_every_setting_is_described(name, factory):
    assert undescribed(factory.settings, name) == []


@EACH
def test_unknown_settings_are_refused(name, factory):
    with pytest.raises(ValidationError, match="no_such_setting"):
        minimal(factory, no_such_setting=1)


@EACH
def test_it_is_built_and_closed_twice_without_connecting(name, factory):
    exporter = factory.create(f"{name}/test", minimal(factory))
    assert exporter.wants
    assert exporter.wants <= {"finding", "evaluation"}
    assert exporter.max_batch >= 1
    exporter.close()
    exporter.close()


@EACH
def test_content_is_redacted_unless_asked_for(name, factory):
    assert minimal(factory).content == "redacted"


NETWORKED = [(name, factory) for name, factory in FACTORIES if {"url", "endpoint"} & set(factory.settings.model_fields)]


@pytest.mark.parametrize(("name", "factory"), NETWORKED, ids=[name for name, _ in NETWORKED])
def test_a_dead_receiver_is_tried_again(name, factory):
    exporter = factory.create(f"{name}/test", minimal(factory))
    for _ in range(2):
        with pytest.raises(RetryableError) as failure:
            exporter.deliver(notices(exporter))
        assert "\n" not in str(failure.value)
        assert failure.value.after is None
    exporter.close()
    exporter.close()


@EACH
def test_secrets_are_never_shown(name, factory):
    fields = factory.settings.model_fields
    secret = {}
    if "headers" in fields:
        secret["headers"] = {"authorization": HIDDEN}
    if "secret" in fields:
        secret["secret"] = HIDDEN
    settings = minimal(factory, **secret)
    exporter = factory.create(f"{name}/test", settings)
    shown = [repr(exporter), str(exporter), repr(settings), str(settings), settings.model_dump_json()]
    assert f"{name}/test" in repr(exporter)
    if name in dict(NETWORKED):
        with pytest.raises(RetryableError) as failure:
            exporter.deliver(notices(exporter))
        shown.append(str(failure.value))
    exporter.close()
    assert not [text for text in shown if HIDDEN in text]


@EACH
def test_importing_it_loads_nothing_heavy(name, factory):
    code = (
        f"import sys, importlib.metadata as m\n"
        f"[point.load() for point in m.entry_points(group='spanwarden.exporters') if point.name == {name!r}]\n"
        f"print([x for x in ('grpc', 'urllib3', 'rich', 'google.protobuf') if x in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
