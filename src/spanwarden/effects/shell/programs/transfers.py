"""curl, wget and their kin: what is fetched, what is sent, what is written on the way."""

from __future__ import annotations

from spanwarden.effects.shell.command import Command
from spanwarden.effects.shell.context import Context
from spanwarden.effects.shell.options import listed, split
from spanwarden.effects.shell.programs.program import Program, on_each
from spanwarden.model.event import EffectKind

_READ_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})

_CURL_LETTERS = "AbcCdDeEFhHKmoPQrtTuUwxXyYz"
_CURL_LONG = listed(
    """--user-agent --cookie --cookie-jar --data --data-raw --data-binary --data-ascii --data-urlencode --dump-header
    --referer --cert --form --form-string --header --config --max-time --output --range --upload-file --user
    --proxy-user --write-out --proxy --request --url --connect-timeout --retry --retry-delay --retry-max-time
    --cacert --capath --key --resolve --interface --limit-rate --max-redirs --oauth2-bearer --json --url-query
    --connect-to --unix-socket --aws-sigv4 --ciphers --dns-servers --max-filesize --output-dir --proto --socks5
    --socks5-hostname --variable --doh-url --continue-at --quote --speed-limit --speed-time --time-cond --netrc-
    file --pinnedpubkey --preproxy --proxy-header --request-target --stderr --trace --trace-ascii --mail-from
    --mail-rcpt --key-type --cert-type --socks4 --tls-max --libcurl --etag-save --etag-compare --parallel-max
    --hostpubmd5 --noproxy"""
)
_CURL_DATA = ("-d", "--data", "--data-raw", "--data-binary", "--data-ascii", "--data-urlencode", "--json")
_CURL_FORM = ("-F", "--form", "--form-string")
_CURL_UPLOAD = ("-T", "--upload-file")

_WGET_LONG = listed(
    """--output-document --directory-prefix --post-data --post-file --method --body-data --body-file --input-file
    --header --user-agent --user --password --timeout --tries --output-file --append-output --referer --load-
    cookies --save-cookies --level --accept --reject --execute --wait --limit-rate --ca-certificate --certificate"""
)


def _curl(command: Command, context: Context) -> None:
    arguments = split(command.words[1:], _CURL_LETTERS, _CURL_LONG)
    urls = arguments.rest + arguments.values("--url")
    sends = arguments.has(*_CURL_DATA, *_CURL_FORM, *_CURL_UPLOAD) and not arguments.has("-G", "--get")
    sends = _by_method(arguments.values("-X", "--request"), sends) or arguments.has(*_CURL_UPLOAD)
    for recipient in arguments.values("--mail-rcpt"):
        context.add("message_send", recipient)
    _transfer(context, "network_send" if sends else "network_fetch", urls)
    for name, value in arguments.options:
        if value is None:
            continue
        if name in _CURL_DATA and name != "--data-raw" and "@" in value[:64]:
            prefix, _, file = value.partition("@")
            if not prefix or (name == "--data-urlencode" and prefix.isalnum()):
                context.add("file_read", file)
        elif name in {"-F", "--form"}:
            _form_file(value, context)
        elif name in {*_CURL_UPLOAD, "-K", "--config"}:
            context.add("file_read", value)
        elif name in {"-o", "--output"}:
            _save(context, [value])
        elif name in {"-D", "--dump-header", "-c", "--cookie-jar"}:
            context.add("file_write", value)
    if arguments.has("-O", "--remote-name", "--remote-name-all"):
        _save(context, [name for url in urls if (name := _file_of(url))])


def _save(context: Context, files: list[str]) -> None:
    on_each(context, "file_write", files)
    context.downloaded.update(file.removeprefix("./") for file in files)


def _form_file(value: str, context: Context) -> None:
    content = value.partition("=")[2]
    if content[:1] in {"@", "<"}:
        context.add("file_read", content[1:].partition(";")[0].strip('"'))


def _wget(command: Command, context: Context) -> None:
    arguments = split(command.words[1:], "OPioatTQlUeABDIRwxX", _WGET_LONG)
    urls = arguments.rest
    sends = arguments.has("--post-data", "--post-file", "--body-data", "--body-file")
    sends = _by_method(arguments.values("--method"), sends)
    _transfer(context, "network_send" if sends else "network_fetch", urls)
    on_each(context, "file_read", arguments.values("--post-file", "--body-file", "-i", "--input-file"))
    output = arguments.values("-O", "--output-document")
    _save(context, output)
    if not output and not arguments.has("--spider") and not sends:
        folder = arguments.values("-P", "--directory-prefix")
        _save(context, folder or [name for url in urls if (name := _file_of(url))])


def _by_method(methods: list[str], sends: bool) -> bool:
    return methods[-1].upper() not in _READ_METHODS if methods else sends


def _transfer(context: Context, kind: EffectKind, urls: list[str]) -> None:
    on_each(context, kind, urls)
    if not urls:
        context.add(kind)


def _file_of(url: str) -> str:
    path = url.partition("://")[2] or url
    return path.partition("?")[0].rpartition("/")[2] if "/" in path else ""


def _httpie(command: Command, context: Context) -> None:
    rest = split(command.words[1:], "aohsAp", {"--auth", "--output", "--session", "--download"}).rest
    methods = [word for word in rest[:1] if word.isalpha() and word.isupper()]
    items = rest[len(methods) :]
    body = [word for word in items[1:] if "=" in word.replace("==", "") or "@" in word]
    _transfer(context, "network_send" if _by_method(methods, bool(body)) else "network_fetch", items[:1])
    on_each(context, "file_read", [word.partition("@")[2] for word in body if "=" not in word.partition("@")[0]])


def _plain_fetch(command: Command, context: Context) -> None:
    arguments = split(command.words[1:], "odxjskO", {"--dir", "--out", "--output"})
    on_each(context, "network_fetch", arguments.rest)
    on_each(context, "file_write", arguments.values("-o", "--output", "--out"))


def _name_lookup(command: Command, context: Context) -> None:
    names = [w for w in split(command.words[1:], "tcpqxkbywWiIsc").rest if not w.startswith(("@", "+")) and "." in w]
    on_each(context, "network_fetch", names[:1])


PROGRAMS: dict[str, Program] = {
    "curl": _curl,
    "curlie": _curl,
    "wget": _wget,
    "wget2": _wget,
    **dict.fromkeys(("http", "https", "xh", "xhs"), _httpie),
    **dict.fromkeys(
        ("aria2c", "axel", "lynx", "links", "w3m", "elinks", "yt-dlp", "fetch", "lwp-download"), _plain_fetch
    ),
    **dict.fromkeys(("dig", "nslookup", "host", "ping", "ping6", "traceroute", "whois", "drill"), _name_lookup),
}
