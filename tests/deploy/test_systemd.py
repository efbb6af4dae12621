"""The systemd unit: hardened, checked before it starts, and with time to stop."""

import pathlib
import re
import sys

import pytest

from deploy.documents import DEPLOY, ROOT, memory, seconds, settings_of, size

UNIT = DEPLOY / "systemd" / "spanwarden.service"
SAMPLE = "../config/spanwarden.yaml"


def keys():
    """Return {section: {key: [values]}}."""
    sections, current = {}, None
    for line in UNIT.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            current = sections.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            current.setdefault(key, []).append(value)
    return sections


SERVICE = keys()["Service"]


def test_it_has_its_sections():
    assert list(keys()) == ["Unit", "Service", "Install"]
    assert keys()["Install"] == {"WantedBy": ["multi-user.target"]}


def test_settings_are_checked_before_every_start_and_reload():
    program, command, rest = SERVICE["ExecStart"][0].split(maxsplit=2)
    assert command == "serve"
    check = f"{program} validate {rest}"
    assert SERVICE["ExecStartPre"] == [check]
    assert SERVICE["ExecReload"] == [check, "/bin/kill -HUP $MAINPID"]


def test_it_may_take_the_time_that_it_needs_to_stop():
    (wait,) = SERVICE["TimeoutStopSec"]
    assert seconds(wait) >= settings_of(SAMPLE).service.shutdown_timeout + 5
    assert SERVICE["KillSignal"] == ["SIGTERM"]


def test_bad_settings_do_not_make_it_start_over_and_over():
    assert SERVICE["Restart"] == ["on-failure"]
    assert SERVICE["RestartPreventExitStatus"] == ["2"]


def test_its_memory_limit_has_room_for_what_the_defaults_may_hold():
    assert size(SERVICE["MemoryMax"][0]) >= memory(settings_of(SAMPLE))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("DynamicUser", "yes"),
        ("StateDirectory", "spanwarden"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("PrivateDevices", "yes"),
        ("PrivateTmp", "yes"),
        ("MemoryDenyWriteExecute", "yes"),
        ("RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX"),
        ("SystemCallArchitectures", "native"),
    ],
)
def test_it_is_hardened(key, value):
    assert SERVICE[key] == [value]


def test_only_what_a_service_needs_of_the_kernel_is_open():
    assert SERVICE["SystemCallFilter"] == ["@system-service", "~@privileged @resources"]


def test_no_key_is_given_twice_but_those_that_add_up():
    lists = {"ExecReload", "SystemCallFilter"}
    assert [key for section in keys().values() for key, values in section.items() if len(values) > 1] == sorted(lists)


@pytest.mark.integration
def test_systemd_accepts_it(systemd_analyze, tmp_path):
    """With the program where this environment has it: verify looks whether it can be run."""
    text = UNIT.read_text(encoding="utf-8").replace("/opt/spanwarden/bin", str(pathlib.Path(sys.executable).parent))
    path = tmp_path / UNIT.name
    path.write_text(text, encoding="utf-8")
    assert systemd_analyze("verify", "--man=no", path) == (0, "")
    path.write_text(text.replace("ProtectSystem", "ProtectSytem"), encoding="utf-8")
    assert "ProtectSytem" in systemd_analyze("verify", "--man=no", path)[1], "a misspelt key is noticed"


@pytest.mark.integration
def test_its_exposure_is_low(systemd_analyze):
    code, said = systemd_analyze("security", "--offline=true", "--no-pager", "--threshold=15", UNIT)
    assert code == 0, said
    assert float(re.search(r"exposure level for spanwarden.service: ([\d.]+)", said)[1]) <= 1.5


def test_the_documented_unit_is_this_one():
    assert "deploy/systemd/spanwarden.service" in (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
