"""What a process of the service asks of the interpreter."""

import subprocess
import sys

TUNED = """
import gc, sys
from spanwarden.service.memory import tune
tune()
print(sys.getswitchinterval(), gc.get_threshold()[0], gc.get_freeze_count() > 0)
"""


def test_threads_take_short_turns_and_the_collector_runs_seldom():
    done = subprocess.run([sys.executable, "-c", TUNED], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0.001", "50000", "True"]
