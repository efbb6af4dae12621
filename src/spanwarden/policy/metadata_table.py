"""What metadata is derived by: words and names as data, which users extend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from spanwarden.detectors.words import word_set
from spanwarden.model.event import EffectKind

Facts = Mapping[str, Any]

CATEGORIES: Mapping[EffectKind, str] = {
    "file_read": "file",
    "file_write": "file",
    "file_search": "file",
    "shell": "shell",
    "network_fetch": "network",
    "network_send": "network",
    "message_send": "communication",
    "vcs_read": "vcs",
    "vcs_write": "vcs",
    "db_query": "database",
    "memory_read": "memory",
    "memory_write": "memory",
    "agent_spawn": "agent",
    "approval": "approval",
}
FIRST = ("financial", "payment", "communication", "browser")
"""Categories that go before that of the first effect: an action that moves money is that, whatever else it is."""

MONEY = word_set("""
    pay payment refund purchase checkout buy sell trade withdraw withdrawal deposit donate invest payout reimburse
    remit
    """)
"""Words of tools that move money; together with no word of reading."""
BROWSING = word_set("""
    browser playwright puppeteer selenium webdriver navigate goto browse webpage click hover scroll screenshot
    """)
FORMS = word_set("fill type input submit form enter keys")
"""Words of browser tools that put something into a page."""
CARD_FIELDS = word_set("cardnumber creditcard creditcardnumber cardnum cvv cvc cvv2 cardexpiry securitycode")
"""Names of fields, without case and punctuation, that a payment form has."""
TRANSFORMING = word_set("""
    transform convert parse aggregate normalize normalise clean merge reformat map join pivot deduplicate etl
    """)
READING = word_set("""
    get read list search fetch find check view show lookup describe query count history status
    """)
ADMIN = word_set("""
    sudo iam grant revoke role roles permission permissions privilege privileges admin administrator impersonate
    """)
ACCOUNTS = word_set("user users account accounts password passwords credential credentials policy")
CHANGING = word_set("create add delete remove reset attach rotate disable enable invite")
"""A word of these with one of `ACCOUNTS` is a change of who may do what; people update accounts of their own."""
SYSTEM_FOLDERS = (
    "/etc/",
    "/usr/",
    "/bin/",
    "/sbin/",
    "/boot/",
    "/lib/",
    "/root/",
    "/sys/",
    "/dev/",
    "c:/windows/",
    "c:/program",
)
DESTRUCTIVE_SQL = frozenset({"drop", "delete", "truncate", "alter", "grant", "revoke"})

SECRET_PATHS = (
    ".ssh/",
    ".aws/",
    ".gnupg/",
    ".kube/config",
    ".netrc",
    ".npmrc",
    ".pypirc",
    ".docker/config.json",
    "/etc/shadow",
)
CONFIDENTIAL = word_set("confidential restricted payroll salary salaries proprietary nda")
HEALTH = word_set("""
    phi ehr emr fhir hipaa patient patients diagnosis diagnoses prescription prescriptions medication medications
    mrn icd10 icd
    """)
PERSONAL = word_set("pii ssn passport dob birthdate iban")
PERSONAL_KEYS = word_set("""
    ssn socialsecuritynumber dateofbirth dob birthdate passportnumber passport nationalid driverslicense
    creditcard cardnumber creditcardnumber iban bankaccount homeaddress phonenumber taxid
    """)
"""Names of fields, without case and punctuation, whose values are personal data."""

INTERNAL_ENDINGS = (
    ".local", ".localhost", ".internal", ".intranet", ".corp", ".lan", ".private", ".home.arpa", ".svc",
    ".cluster.local",
)  # fmt: skip
ENCRYPTED: Mapping[str, bool] = {
    **dict.fromkeys(("https", "wss", "ssh", "sftp", "ftps", "ldaps", "git+ssh", "s3", "gs"), True),
    **dict.fromkeys(("http", "ws", "ftp", "telnet", "ldap", "gopher", "dict", "git", "tftp"), False),
}


class MetadataTable(msgspec.Struct, frozen=True, eq=False):
    """What a user knows of their own systems. Compared by identity; build it once.

    own_hosts: domains (each with what is below it), addresses and networks that count as internal.
    approved_hosts: outside hosts that may be used: `domain_approved` and `vendor_approved`.
    environment: where agents run, for records that do not say.
    tools, hosts, paths: metadata by a tool's name (case and punctuation do not matter), by a host (with what is below
    it) and by a shell glob of a path; it goes before what is derived.
    """

    own_hosts: tuple[str, ...] = ()
    approved_hosts: tuple[str, ...] = ()
    environment: str | None = None
    tools: Mapping[str, Facts] = {}
    hosts: Mapping[str, Facts] = {}
    paths: Mapping[str, Facts] = {}


DEFAULT = MetadataTable()
