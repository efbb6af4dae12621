"""`spanwarden test`."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

import click

from spanwarden.cli.main import UsageError
from spanwarden.cli.options import tables_options
from spanwarden.cli.printing import print_json

if TYPE_CHECKING:
    from spanwarden.reports.policy_tests import Tested
    from spanwarden.transcripts.tables import Tables


@click.command("test")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: one object, with every test.")
@click.option(
    "--junit",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=pathlib.Path),
    help="Write JUnit's XML to this file as well.",
)
@tables_options
@click.argument("policies", nargs=-1, required=True, metavar="POLICY...")
def command(tables: Tables, as_json: bool, junit: pathlib.Path | None, policies: tuple[str, ...]) -> int:
    """Run the tests that policies bring along.

    POLICY is a file or pack:NAME. Exit code 0: all tests passed; 1: a test failed; 2: a policy or a recorded run cannot
    be read, or there is nothing to run.
    """
    from spanwarden.reports.policy_tests import tests_json, tests_junit, tests_text

    tested = [_tested(source, tables) for source in policies]
    if junit is not None:
        junit.write_text(tests_junit(tested), encoding="utf-8")
    if as_json:
        print_json(tests_json(tested), line=False)
    else:
        for each in tested:
            for line in tests_text(each):
                click.echo(line)
    return 1 if any(each.failed for each in tested) else 0


def _tested(source: str, tables: Tables) -> Tested:
    from spanwarden.policy.document import PolicyError
    from spanwarden.policy.loading import load
    from spanwarden.policy.testing import run_tests
    from spanwarden.reports.policy_tests import Tested
    from spanwarden.transcripts.json_text import TranscriptError
    from spanwarden.transcripts.reading import read_runs

    try:
        policy = load(source)
        if not policy.tests:
            raise UsageError(f"{source}: has no tests; write some under 'tests'")
        outcomes = tuple(run_tests(policy, lambda path: read_runs(path, None, tables), tables.metadata))
    except (PolicyError, TranscriptError) as error:
        raise UsageError(str(error)) from None
    return Tested(source, policy.name, outcomes)
