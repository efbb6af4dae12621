"""What is checked in says nothing of the machine that it was written on, and its links lead somewhere."""

import pathlib
import re
import subprocess
import tomllib
from urllib.parse import unquote

ROOT = pathlib.Path(__file__).resolve().parents[2]
CAPTURES = ("examples/", "tests/corpus/")
PAPERS = re.compile(r"\.(md|toml|cfg|ya?ml)$|^Makefile$|^\.ci/|^scripts/|^requirements\.lock$")

# Put together here, so that this file does not hold what it looks for.
WORKPLACES = [str(ROOT), "/" + "work/main", "/" + "work/shared", "/" + "tmp/brief"]
HOMES = re.compile(r"(?<![\w.*~])/(?:home|Users)/[a-z][\w.-]*/|(?<![\w.*~])/root/(?!\.)")
HOSTS = [
    ".".join(words)
    for words in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("crates", "io"),
        ("golang", "org"),
        ("maven", "org"),
        ("debian", "org"),
    )
]


def tracked():
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    names = [name for name in listing.decode().split("\0") if name and (ROOT / name).is_file()]
    assert "pyproject.toml" in names
    return names


def texts(wanted=lambda name: True):
    for name in tracked():
        if wanted(name):
            try:
                yield name, (ROOT / name).read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue


def test_no_file_names_the_folder_it_was_written_in():
    wrong = [
        (name, place)
        for name, text in texts(lambda name: not name.startswith(CAPTURES))
        for place in WORKPLACES
        if place in text
    ]
    assert wrong == []


def test_no_paper_names_somebodys_home():
    own = [(name, found[0]) for name, text in texts(PAPERS.search) if (found := HOMES.search(text))]
    assert [pair for pair in own if not pair[0].startswith(("src/", *CAPTURES))] == []


def test_no_file_names_a_package_host():
    wrong = [(name, host) for name, text in texts() for host in HOSTS if host in text.lower()]
    assert wrong == []


def test_the_search_for_homes_finds_them():
    assert HOMES.search("see /" + "home/jane/x")
    assert HOMES.search("/" + "Users/jane/x")
    assert not HOMES.search("src/home/page/x")


LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)|!\[[^\]]*\]\(([^)\s]+)\)")


def headings(text):
    """Return the anchors of a Markdown page."""
    body = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    names = re.findall(r"^#+ (.+)$", body, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", name.lower()).strip().replace(" ", "-") for name in names}


def test_every_relative_link_leads_somewhere():
    broken = []
    for name, text in texts(lambda name: name.endswith(".md")):
        body = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
        for match in LINK.finditer(body):
            target = match[1] or match[2]
            if re.match(r"[a-z][a-z0-9+.-]*:", target):
                continue
            path, _, anchor = unquote(target).partition("#")
            file = (ROOT / name).parent / path if path else ROOT / name
            if not file.exists() or (anchor and anchor not in headings(file.read_text(encoding="utf-8"))):
                broken.append(f"{name}: {target}")
    assert broken == []


def test_every_path_that_the_papers_name_exists():
    papers = ["CONTRIBUTING.md", "SECURITY.md", "docs/architecture.md", "docs/index.md"]
    named = re.compile(r"`((?:src|tests|docs|scripts|config|deploy|proto|examples)/[\w./-]+)`")
    missing = []
    for paper in papers:
        found = named.findall((ROOT / paper).read_text(encoding="utf-8"))
        missing += [f"{paper}: {path}" for path in found if not (ROOT / path).exists()]
    assert missing == []


def test_every_make_target_that_the_papers_name_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {
        (name, target)
        for name, text in texts(lambda name: name.endswith(".md"))
        for target in re.findall(r"(?:`|^|&& )make ([a-z-]+)", text, re.MULTILINE)
    }
    assert {target for _, target in named} >= {"test", "lint"}
    assert [pair for pair in named if pair[1] not in targets] == []


def test_the_rooms_in_the_docs_are_those_that_the_import_contract_holds():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = project["tool"]["importlinter"]["contracts"][0]
    held = [room.strip() for layer in contract["layers"] for room in layer.split("|")]
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `(\w+)/` \|", text, re.MULTILINE)
    assert told == held
