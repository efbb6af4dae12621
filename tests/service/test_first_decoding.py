"""Several exporters may be the first to read the outbox, at the same moment."""

import subprocess
import sys

SCRIPT = """
import sys, threading
sys.setswitchinterval(1e-6)
import msgspec
from spanwarden.exporters.base import Notice, RunSummary
from spanwarden.model.finding import Evidence, Finding
from spanwarden.service.delivery import _NOTICE
finding = Finding("rule", "high", "Title", "Message", "policy", evidence=(Evidence(1),))
notice = Notice("finding", RunSummary("run"), (finding,), policy="policy", policy_version="1", observed=1)
encoded, together = msgspec.msgpack.encode(notice), threading.Barrier(4)
def read():
    together.wait()
    assert _NOTICE.decode(encoded) == notice
threads = [threading.Thread(target=read) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


def test_threads_that_decode_together_do_not_end_the_process():
    for _ in range(5):
        ended = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, check=False)
        assert (ended.returncode, ended.stderr) == (0, b"")
