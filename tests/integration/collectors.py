"""The real Collector, and the samples of docs/collector.md with addresses that are free here."""

import importlib
import json
import pathlib
import re
import sys

import yaml

from integration.processes import Child

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "collector.md"
QUIET = {"service": {"telemetry": {"metrics": {"level": "none"}, "logs": {"level": "warn"}}}}

sys.path.insert(0, str(ROOT / "scripts"))
build_collector = importlib.import_module("build_collector")
sys.path.pop(0)


def sample(name, places):
    """Return a sample of the page as settings. Every place, an address or a folder, has to be in it."""
    text = re.search(
        rf"^```yaml\n# {re.escape(name)}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )[1]
    for place, here in places.items():
        assert place in text, f"{name} does not name {place}"
        text = text.replace(place, here)
    left = re.findall(r"0\.0\.0\.0:\d+|(?:backend|collector|spanwarden):\d+|/var/\S+", text)
    assert not left, f"{name} names {left} as well"
    return yaml.safe_load(text)


def merged(settings, more):
    """Return settings with others put over them."""
    result = dict(settings)
    for key, value in more.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


class Collector(Child):
    """A running Collector; started on settings, it listens when `ports` do."""

    def __init__(self, binary, settings, folder, ports):
        path = pathlib.Path(folder, "collector.yaml")
        path.write_text(json.dumps(merged(settings, QUIET)), encoding="utf-8")  # JSON is YAML
        super().__init__([str(binary), "--config", f"file:{path}"], folder)
        try:
            for port in ports:
                self.wait_for_port(port)
        except BaseException:
            self.stop()
            raise
