"""Database clients and mail senders."""

from __future__ import annotations

from spanwarden.effects.shell.command import Command
from spanwarden.effects.shell.context import Context
from spanwarden.effects.shell.options import split
from spanwarden.effects.shell.programs.program import Program, on_each

_CLIENTS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    # name: letters with a value, options that hold a query, options that hold a file of queries
    "psql": ("cdfhpUvoLtPRTF", ("-c", "--command"), ("-f", "--file")),
    "mysql": ("ehuPDS", ("-e", "--execute"), ()),
    "mariadb": ("ehuPDS", ("-e", "--execute"), ()),
    "clickhouse-client": ("qhud", ("-q", "--query"), ()),
    "sqlcmd": ("QqSUPdio", ("-Q", "-q"), ("-i",)),
    "bq": ("", (), ()),
    "cqlsh": ("efukp", ("-e", "--execute"), ("-f", "--file")),
    "snowsql": ("qfaud", ("-q", "--query"), ("-f", "--filename")),
    "duckdb": ("csf", ("-c", "-s"), ("-f",)),
}
_LONG = frozenset(
    [
        "--command",
        "--file",
        "--execute",
        "--query",
        "--host",
        "--port",
        "--username",
        "--user",
        "--dbname",
        "--database",
        "--eval",
        "--filename",
        "--password",
    ]
)


def _client(command: Command, context: Context) -> None:
    letters, holders, files = _CLIENTS[command.name]
    arguments = split(command.words[1:], letters, _LONG)
    queries = arguments.values(*holders) if holders else []
    if command.name == "bq" and arguments.rest[:1] == ["query"]:
        queries = arguments.rest[1:2]
    if command.name == "duckdb":
        queries = queries or arguments.rest[1:2]
        on_each(context, "file_read", arguments.rest[:1])
    scripts = arguments.values(*files) if files else []
    on_each(context, "file_read", scripts)
    _queries(command, context, queries)


def _queries(command: Command, context: Context, queries: list[str]) -> None:
    if not queries and command.stdin:
        queries = [command.stdin.strip()]
    if not queries and command.upstream and command.upstream[-1].name in {"echo", "printf"}:
        queries = [" ".join(command.upstream[-1].words[1:])]
    on_each(context, "db_query", queries)
    if not queries:
        context.add("db_query")


def _sqlite(command: Command, context: Context) -> None:
    arguments = split(command.words[1:], "", {"-cmd", "-init", "-separator"}, single_dash=True)
    on_each(context, "file_read", arguments.rest[:1])
    _queries(command, context, [*arguments.values("-cmd"), *arguments.rest[1:]])


def _mongo(command: Command, context: Context) -> None:
    arguments = split(command.words[1:], "up", {"--eval", "--host", "--port", "--username", "--password", "--file"})
    _queries(command, context, arguments.values("--eval"))


def _redis(command: Command, context: Context) -> None:
    arguments = split(command.words[1:], "hpaunri", {"--user", "--pass"}, posix=True)
    _queries(command, context, [" ".join(arguments.rest)] if arguments.rest else [])


def _dump(command: Command, context: Context) -> None:
    arguments = split(command.words[1:], "hpUfdtTnNuPFE", {"--file", "--host", "--port", "--username", "--result-file"})
    context.add("db_query")
    on_each(context, "file_write", arguments.values("-f", "--file", "--result-file", "--out"))


def _mail(command: Command, context: Context) -> None:
    arguments = split(command.words[1:], "sracbeFAfihqEHT", {"--subject", "--attach", "--to", "--from", "--server"})
    to = [word for word in arguments.rest if not word.startswith("-")]
    if command.name == "mutt":
        on_each(context, "file_read", arguments.values("-i"))
    if command.name == "swaks":
        to = [recipient for value in arguments.values("--to") for recipient in value.split(",")]
    on_each(context, "file_read", arguments.values("-a", "-A", "--attach"))
    recipients = [*to, *arguments.values("-c", "-b")]
    on_each(context, "message_send", recipients)
    if not recipients:
        context.add("message_send")


PROGRAMS: dict[str, Program] = {
    **dict.fromkeys(_CLIENTS, _client),
    **dict.fromkeys(("sqlite3", "sqlite"), _sqlite),
    **dict.fromkeys(("mongosh", "mongo"), _mongo),
    **dict.fromkeys(("pg_dump", "mysqldump", "mongodump", "pg_dumpall"), _dump),
    **dict.fromkeys(("mail", "mailx", "mutt", "neomutt", "sendmail", "msmtp", "swaks", "ssmtp", "s-nail"), _mail),
    "redis-cli": _redis,
}
