"""The command line: finds the command, loads only its module, turns every failure into one line and an exit code."""

from __future__ import annotations

import importlib
import os
import sys

import click

COMMANDS = {
    "audit": "Write a report on one recorded run, as Markdown and JSON.",
    "audit-batch": "Write a report on every trace in a folder, and an overview.",
    "backtest": "Try a policy on recorded runs: hits, cost, differences, precision and recall.",
    "check": "Hold recorded runs, or one action, against a policy.",
    "components": "List the receivers, processors, exporters and extensions in this build.",
    "demo": "Start the service, replay recorded agent runs, print the findings.",
    "dialects": "List the telemetry dialects that are recognised.",
    "diff": "Say what one run could do that another did not.",
    "events": "Print what agents did, one normalised event a line.",
    "explain": "Say why there is a finding, and which exceptions did not count.",
    "findings": "List what was found, from the service's ledger.",
    "import": "Turn a coding agent's session log into a trace file.",
    "inspect": "Show what one run did and what is risky about it.",
    "lint": "Say what may be wrong with policies that compile.",
    "outbox": "List, retry or drop what exporters are still to be told.",
    "policies": "List, show and copy the built-in packs, or begin a policy with them.",
    "print-config": "Print the settings in force, secrets hidden.",
    "runs": "List decided runs, from the service's ledger.",
    "serve": "Receive OTLP, judge runs, export findings.",
    "stats": "Count runs, findings and waiting notices.",
    "test": "Run the tests that policies bring along.",
    "validate": "Check settings and policies without starting.",
}
"""Every command with its one-line help; the module is `spanwarden.cli.<name>` with `-` as `_`, its object `command`."""

ALIASES = {"guard": "check", "policy": "check", "summarize": "inspect", "describe": "inspect"}
"""Other names of a command, kept from the tools that it replaces."""


class UsageError(click.ClickException):
    """Bad usage or bad input: one line on stderr, exit code 2."""

    exit_code = 2


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        name = ALIASES.get(cmd_name, cmd_name)
        if name not in COMMANDS:
            return None
        module = importlib.import_module("spanwarden.cli." + _module(name))
        found: click.Command = module.command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


def _module(name: str) -> str:
    return "import_session" if name == "import" else name.replace("-", "_")


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=True)
@click.version_option(package_name="spanwarden", prog_name="spanwarden")
def cli() -> None:
    """Read what AI agents did from their OpenTelemetry data and hold each run against policy."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 findings, 2 bad usage or bad input. Never a traceback for bad input."""
    try:
        code = cli.main(args=arguments, prog_name="spanwarden", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        code = 2
    except click.ClickException as error:
        click.echo(f"spanwarden: {' '.join(error.format_message().split())}", err=True)
        code = 2
    except click.Abort:
        code = 130
    except BrokenPipeError:
        # The reader (head, less) has seen enough; leave nothing for the interpreter to flush into the closed pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except OSError as error:
        click.echo(f"spanwarden: {error.filename or ''}: {error.strerror or error}".replace(": : ", ": "), err=True)
        code = 2
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
