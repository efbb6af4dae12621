"""Places whose services have workers, and what is to be known of them."""

import json
import pathlib

from crash.place import Place


class Crew(Place):
    """A place of services with `workers` processes that receive."""

    def __init__(self, folder, url, workers, **rest):
        super().__init__(folder, url, **rest)
        self.man(workers)

    def man(self, workers, **service):
        """Let the services that are started from now on have this many workers."""
        settings = json.loads(self.config.read_text())
        settings["service"] |= {"workers": workers, **service}
        self.config.write_text(json.dumps(settings))

    def leftovers(self):
        """Return the folders of workers."""
        return sorted(path.name for path in self.data.glob("worker-*"))


def workers_of(child):
    """Return the process ids of a service's workers, by their number."""
    found = {}
    for status in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            words = (status.parent / "cmdline").read_bytes().split(b"\0")
        except (OSError, IndexError):
            continue
        if parent == child.process.pid and b"spanwarden.service.workers.worker" in words:
            found[len(found) + 1] = int(status.parent.name)
    return found
