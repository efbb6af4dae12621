"""`spanwarden lint`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec

from spanwarden.cli.main import UsageError
from spanwarden.cli.printing import print_json

if TYPE_CHECKING:
    from spanwarden.policy.lint import Problem


@click.command("lint")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: an object a problem.")
@click.option("--verbose", is_flag=True, help="Also say when each rule is judged and what it needs.")
@click.argument("policies", nargs=-1, required=True, metavar="POLICY...")
def command(as_json: bool, verbose: bool, policies: tuple[str, ...]) -> int:
    """Say what may be wrong with policies that compile.

    POLICY is a file or pack:NAME. Named are unknown tags, rules that can never fire, patterns that fit more than they
    should, rules without description or tests, exceptions that have ended.
    Exit code 0: nothing but information; 1: a warning; 2: a policy cannot be read.
    """
    found = [problem for source in policies for problem in _linted(source) if verbose or problem.level != "info"]
    for problem in found:
        if as_json:
            print_json(msgspec.structs.asdict(problem), line=True)
        else:
            rule = f"{problem.rule}: " if problem.rule else ""
            click.echo(f"{problem.place}: {problem.level}: {rule}{problem.message}")
    return 1 if any(problem.level == "warning" for problem in found) else 0


def _linted(source: str) -> list[Problem]:
    import datetime as dt

    from spanwarden.policy.document import PolicyError
    from spanwarden.policy.lint import lint
    from spanwarden.policy.loading import load

    try:
        return lint(load(source), source, dt.datetime.now(tz=dt.UTC).date())
    except PolicyError as error:
        raise UsageError(str(error)) from None
