"""The files of deploy/, read strictly."""

import pathlib

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"


class _Strict(yaml.SafeLoader):
    """A loader that refuses a key given twice, of which YAML's own would keep the last."""


def _mapping(loader, node):
    keys = [loader.construct_object(key) for key, _ in node.value]
    for key in keys:
        if keys.count(key) > 1:
            raise yaml.constructor.ConstructorError(None, None, f"{key!r} is given twice", node.start_mark)
    return loader.construct_mapping(node, deep=True)


_Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def parse(text):
    """Return the documents of a YAML text. Raises yaml.YAMLError."""
    return list(yaml.load_all(text, Loader=_Strict))


def documents(name):
    """Return the documents of a YAML file below deploy/."""
    return parse((DEPLOY / name).read_text(encoding="utf-8"))


def document(name):
    """Return the only document of a YAML file below deploy/."""
    (only,) = documents(name)
    return only


def settings_of(*names, **options):
    """Return the service's settings from files below deploy/, merged in order."""
    from spanwarden.service.loading import load

    return load([str(DEPLOY / name) for name in names], **options)


def seconds(duration):
    """Return the seconds of a duration in the Collector's, Prometheus' or systemd's spelling."""
    from spanwarden.configuration.section import parse_duration

    return parse_duration(str(duration).replace("min", "m"))


def size(quantity):
    """Return the bytes of a Kubernetes or systemd quantity in binary units."""
    number = str(quantity).removesuffix("i")
    return int(number[:-1]) * {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}[number[-1]]


def memory(settings):
    """Return the bytes that a process with these settings may hold, its code and the allocator's waste included."""
    storage = settings.extensions.storage
    held = settings.service.max_pending + settings.processors.runs.max_size + settings.receivers.otlp.max_in_flight
    held += 0 if storage.directory else storage.max_size
    return int(held * 1.5) + (128 << 20)


def disk(settings):
    """Return the bytes that a process with these settings may write below its directory."""
    storage = settings.extensions.storage
    return 2 * storage.max_size + (32 << 20) + storage.retention.max_size
