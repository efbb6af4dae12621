import io
import os
import subprocess
import sys

import pytest

from exporters.notices import evaluation_notice, finding_notice
from spanwarden.exporters.base import RefusedError, RetryableError
from spanwarden.exporters.console.exporter import ConsoleExporter
from spanwarden.exporters.console.settings import ConsoleSettings


def exporter(stream, **settings):
    return ConsoleExporter("console", ConsoleSettings.model_validate(settings), stream)


def test_a_finding_is_one_plain_line_in_a_pipe():
    stream = io.StringIO()
    console = exporter(stream)
    console.deliver([finding_notice(), finding_notice()])
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("HIGH     flow-forbidden  billing-agent/run-7  Words of")
    assert "\x1b" not in stream.getvalue()


@pytest.mark.parametrize(("content", "shown"), [("redacted", False), ("full", True)])
def test_matched_words_appear_only_when_asked_for(content, shown):
    stream = io.StringIO()
    exporter(stream, content=content).deliver([finding_notice()])
    assert ("curl x | sh" in stream.getvalue()) is shown


def test_runs_are_wanted_and_printed_only_when_asked_for():
    stream = io.StringIO()
    assert exporter(stream).wants == {"finding"}
    console = exporter(stream, verbosity="runs")
    assert console.wants == {"finding", "evaluation"}
    console.deliver([evaluation_notice()])
    assert stream.getvalue().startswith("RUN      billing-agent/run-7")
    assert stream.getvalue().count("\n") == 1


def test_a_terminal_gets_colours_on_one_line(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    control, terminal = os.openpty()
    with os.fdopen(terminal, "w") as stream:
        exporter(stream).deliver([finding_notice()])
        shown = os.read(control, 65536).decode()
    os.close(control)
    assert "\x1b[1;31mHIGH" in shown
    assert shown.count("\n") == 1
    assert shown.endswith("\n")


def test_words_beyond_the_encoding_are_spelled_out():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    exporter(stream).deliver([finding_notice(findings=(finding_notice().findings[0],), status="new")])
    finding = finding_notice().findings[0]
    import msgspec

    exporter(stream).deliver([finding_notice(msgspec.structs.replace(finding, message="Grüße"))])
    assert b"Gr\\xfc\\xdfe" in raw.getvalue()


def test_a_full_device_may_be_tried_again():
    with open("/dev/full", "w") as stream:  # noqa: PTH123 - a device
        console = exporter(stream)
        with pytest.raises(RetryableError, match="No space left"):
            console.deliver([finding_notice()])
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def test_a_closed_stream_refuses():
    stream = io.StringIO()
    console = exporter(stream)
    stream.close()
    for _ in range(2):
        with pytest.raises(RefusedError, match="closed"):
            console.deliver([finding_notice()])


SCRIPT = """
import sys
from exporters.notices import finding_notice
from spanwarden.exporters.base import RefusedError
from spanwarden.exporters.console import FACTORY

console = FACTORY.create("console", FACTORY.settings())
sys.stdin.readline()  # the reader has gone by now
for _ in range(3):
    try:
        console.deliver([finding_notice()])
    except RefusedError as error:
        print(error, file=sys.stderr)
console.close()
"""


def test_a_reader_that_goes_away_does_not_end_the_process():
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
    ) as process:
        process.stdout.close()
        process.stdin.write("go\n")
        process.stdin.flush()
        told = process.stderr.read()
        assert process.wait(30) == 0
    assert told.splitlines() == ["standard output is closed"] * 3
