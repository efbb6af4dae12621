"""The image: what can be told of a Dockerfile without building it, and the steps that can be run without Docker."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tomllib

import pytest

from deploy.documents import DEPLOY, ROOT, documents, settings_of
from integration.processes import Child, free_port, spanwarden

TEXT = (DEPLOY / "docker" / "Dockerfile").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def instructions():
    """Return (keyword, rest) of every instruction, continued lines joined."""
    lines = [line for line in TEXT.splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [tuple(line.split(None, 1)) for line in joined.splitlines() if line.strip()]


INSTRUCTIONS = instructions()
FINAL = INSTRUCTIONS[max(i for i, (keyword, _) in enumerate(INSTRUCTIONS) if keyword == "FROM") :]


def only(keyword):
    (value,) = [rest for word, rest in FINAL if word == keyword]
    return value


def health_command():
    return json.loads(only("HEALTHCHECK").partition("CMD ")[2])


def test_the_base_is_pinned_and_slim():
    base = re.search(r"^ARG PYTHON_IMAGE=python:(\d+\.\d+)\.\d+-slim-\w+$", TEXT, re.MULTILINE)
    assert base
    assert f"Programming Language :: Python :: {base[1]}" in PROJECT["classifiers"]
    assert {rest.split()[0] for keyword, rest in INSTRUCTIONS if keyword == "FROM"} == {"${PYTHON_IMAGE}"}


def test_it_runs_as_nobody_in_particular():
    user, group = only("USER").split(":")
    assert int(user) > 1000
    assert int(group) > 1000
    words = [keyword for keyword, _ in FINAL]
    assert words.index("USER") > max(i for i, word in enumerate(words) if word in {"COPY", "VOLUME"})
    assert "RUN" not in words, "the final image runs nothing as root"


def test_it_writes_to_its_volume_and_to_tmp_alone():
    assert json.loads(only("VOLUME")) == [only("WORKDIR")]
    assert "HOME=/tmp" in only("ENV")
    assert "PYTHONDONTWRITEBYTECODE=1" in only("ENV")


def test_the_operator_can_start_it_with_settings_alone():
    assert json.loads(only("ENTRYPOINT")) == ["spanwarden", "serve"]
    assert json.loads(only("CMD")) == ["--config=/etc/spanwarden/spanwarden.yaml"]
    assert only("STOPSIGNAL") == "SIGTERM"


def test_its_own_settings_hold_and_are_reached_from_outside():
    assert any(rest == "deploy/docker/spanwarden.yaml /etc/spanwarden/spanwarden.yaml" for _, rest in FINAL)
    settings = settings_of("docker/spanwarden.yaml")
    protocols = settings.receivers.otlp.protocols
    endpoints = [
        protocols.grpc.endpoint,
        protocols.http.endpoint,
        settings.service.telemetry.metrics.endpoint,
        settings.health_check.endpoint,
    ]
    assert {endpoint.rpartition(":")[0] for endpoint in endpoints} == {"0.0.0.0"}
    assert {endpoint.rpartition(":")[2] for endpoint in endpoints} == set(only("EXPOSE").split())
    assert f"localhost:{settings.health_check.endpoint.rpartition(':')[2]}/readyz" in health_command()[-1]


def test_what_the_build_needs_reaches_the_builder_and_nothing_else():
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    let_in = {line[1:] for line in rules if line.startswith("!")}
    copied = [rest.split()[:-1] for keyword, rest in INSTRUCTIONS if keyword == "COPY" and "--from" not in rest]
    assert {name for names in copied for name in names} == let_in
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]
    needed = {*wheel["wheel"]["force-include"], PROJECT["readme"], *PROJECT["license-files"], "src"}
    assert needed <= let_in
    assert all((ROOT / name).exists() for name in let_in)


def test_every_reference_to_our_image_has_our_version():
    found = {re.search(r"^ARG VERSION=(\S+)$", TEXT, re.MULTILINE)[1]}
    found |= set(re.findall(r"-t spanwarden:(\S+)", TEXT))
    for path in DEPLOY.rglob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        for pair in re.findall(r"image: spanwarden:(\S+)|app\.kubernetes\.io/version: (\S+)", text):
            found |= {version for version in pair if version}
    assert found == {PROJECT["version"]}, "a new version is named in deploy/, too"
    assert len(documents("operator/opentelemetrycollector.yaml")) == 2


def test_the_health_check_tells_a_ready_service_from_none(tmp_path):
    ports = {name: free_port() for name in ("grpc", "http", "health", "metrics")}
    text = (DEPLOY / "docker" / "spanwarden.yaml").read_text(encoding="utf-8")
    for name, usual in (("grpc", 4317), ("http", 4318), ("health", 13133), ("metrics", 8888)):
        text = text.replace(f"0.0.0.0:{usual}", f"127.0.0.1:{ports[name]}")
    path = tmp_path / "spanwarden.yaml"
    path.write_text(text, encoding="utf-8")
    command = [sys.executable, *health_command()[1:]]
    environment = {**os.environ, "SPANWARDEN_HEALTH_URL": f"http://localhost:{ports['health']}/readyz"}

    def ask():
        return subprocess.run(command, env=environment, capture_output=True, check=False, timeout=30).returncode

    assert health_command()[0] == "python"
    assert ask() == 1
    with Child([*spanwarden(), "serve", f"--config={path}"], tmp_path) as child:
        child.wait_for_port(ports["metrics"])
        assert ask() == 0
    assert child.stop() == 0
    assert ask() == 1


@pytest.mark.integration
def test_hadolint_finds_nothing(hadolint):
    code, said = hadolint("--failure-threshold", "style", DEPLOY / "docker" / "Dockerfile")
    assert code == 0, said


@pytest.mark.integration
@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_images_python_has_wheels_of_everything_locked(machine, tmp_path):
    version = re.search(r"python:(\d+\.\d+)", TEXT)[1]
    platforms = [f"manylinux{kind}_{machine}" for kind in ("2014", "_2_17", "_2_27", "_2_28", "_2_34")]
    pip = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--disable-pip-version-check"]
    pip += ["--target", str(tmp_path), "--only-binary", ":all:", "--python-version", version]
    pip += [word for platform in platforms for word in ("--platform", platform)]
    pip += ["-c", str(ROOT / "requirements.lock"), *PROJECT["dependencies"]]
    done = subprocess.run(pip, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr


@pytest.mark.integration
def test_the_build_steps_lead_to_a_program_that_runs_from_a_read_only_place(tmp_path):
    """What the RUN instruction does, on this machine's Python."""
    (build,) = [rest for keyword, rest in INSTRUCTIONS if keyword == "RUN"]
    steps = [step.strip() for step in build.split("&&")]
    context = tmp_path / "build"
    context.mkdir()
    for name in ("requirements.lock", "pyproject.toml", "README.md", "LICENSE", "src", "examples"):
        (context / name).symlink_to(ROOT / name)
    home = tmp_path / "spanwarden"
    environment = {**os.environ, "PATH": f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"}
    for step in steps[:3]:
        command = step.replace("/opt/spanwarden", str(home))
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=context,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
    assert not list(home.glob("lib/python*/site-packages/pip")), "nothing in the image installs software"
    assert list(home.glob("lib/python*/site-packages/spanwarden/__pycache__/*.pyc")), "byte code is compiled"
    program = [str(home / "bin" / "spanwarden"), "validate", f"--config={DEPLOY / 'docker' / 'spanwarden.yaml'}"]
    done = subprocess.run(program, cwd="/", capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
