"""What secrets look like, as data: the shapes issuers give their keys, and the names people give to secrets."""

from __future__ import annotations

from typing import NamedTuple


class SecretKind(NamedTuple):
    """One shape. Where the pattern has a group, the group is the secret.

    `certain` shapes are secrets wherever they stand; others need a value that looks chosen at random.
    """

    name: str
    pattern: bytes
    certain: bool = True


NAMES = (
    rb"(?:secret|token|passw(?:or)?d|passwd|passphrase|pwd|api_?key|apikey|access_?key|private_?key|auth_?key|"
    rb"encryption_?key|signing_?key|credentials?)"
)

KINDS: tuple[SecretKind, ...] = (
    SecretKind("private-key", rb"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----[^-]{16,}"),
    SecretKind("aws-access-key", rb"\b((?:AKIA|ASIA)[A-Z2-7]{16})\b"),
    SecretKind(
        "aws-secret-key",
        rb"(?i:aws[\w.\- ]{0,24}(?:secret|key)[\w.\- ]{0,24})[\"']?\s{0,4}[:=]\s{0,4}[\"']"
        rb"?([A-Za-z0-9/+]{40})\b",
    ),
    SecretKind("google-api-key", rb"\b(AIza[0-9A-Za-z_-]{35})"),
    SecretKind("google-oauth-token", rb"\b(ya29\.[0-9A-Za-z_-]{20,})"),
    SecretKind("github-token", rb"\b(gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{22,})\b"),
    SecretKind("gitlab-token", rb"\b(gl(?:pat|dt|rt|cbt|ptt)-[A-Za-z0-9_-]{20,64})"),
    SecretKind("slack-token", rb"\b(xox[abeoprs]-[0-9A-Za-z-]{10,}|xapp-[0-9A-Za-z-]{20,})"),
    SecretKind("slack-webhook", rb"(https://hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/_-]{20,120})"),
    SecretKind("stripe-key", rb"\b((?:sk|rk)_(?:live|test)_[0-9A-Za-z]{16,}|whsec_[0-9A-Za-z]{24,})"),
    SecretKind("anthropic-key", rb"\b(sk-ant-[A-Za-z0-9_-]{20,})"),
    SecretKind("openai-key", rb"\b(sk-(?:proj-|svcacct-|admin-|None-)?[A-Za-z0-9_-]{20,})"),
    SecretKind("huggingface-token", rb"\b(hf_[A-Za-z0-9]{30,64})\b"),
    SecretKind("npm-token", rb"\b(npm_[A-Za-z0-9]{36})\b"),
    SecretKind("pypi-token", rb"\b(pypi-[A-Za-z0-9_-]{50,})"),
    SecretKind("sendgrid-key", rb"\b(SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64})"),
    SecretKind("twilio-key", rb"\b(SK[0-9a-f]{32})\b"),
    SecretKind("telegram-token", rb"\b([0-9]{8,10}:AA[A-Za-z0-9_-]{33})\b"),
    SecretKind("digitalocean-token", rb"\b(do[opr]_v1_[a-f0-9]{64})\b"),
    SecretKind("shopify-token", rb"\b(shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32})\b"),
    SecretKind("azure-storage-key", rb"AccountKey=([A-Za-z0-9+/]{60,90}={0,2})"),
    SecretKind("json-web-token", rb"\b(eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,})"),
    SecretKind(
        "bearer-token",
        rb"(?i:authorization[\"']?\s{0,4}[:=]\s{0,4}[\"']"
        rb"?(?:bearer|basic|token)\s{1,4})([A-Za-z0-9._~+/=-]{16,})",
    ),
    SecretKind(
        "connection-string",
        rb"\b[a-zA-Z][a-zA-Z0-9+.-]{1,20}://[^\s:/@\"']{0,64}:([^\s/@\"'<>{}$]{3,128})@[\w.-]{2,}",
    ),
    SecretKind(
        "assigned-secret",
        rb"(?m:^)[ \t]{0,8}(?:export[ \t]+|set[ \t]+)?[A-Z0-9_]{0,48}(?i:" + NAMES + rb")[A-Z0-9_]{0,16}"
        rb"[ \t]{0,4}=[ \t]{0,4}[\"']?([^\s\"'#]{6,})",
        certain=False,
    ),
    SecretKind(
        "named-secret",
        rb"(?i:[\"']?[\w.-]{0,32}" + NAMES + rb"[\w-]{0,16}[\"']"
        rb"?)\s{0,4}(?::|=>?|\bis\b:?)\s{0,4}[\"'`]?([^\s\"'`,;<>(){}\[\]\\]{8,})",
        certain=False,
    ),
)  # fmt: skip

PLACEHOLDERS = (
    "xxx", "***", "...", "your_", "your-", "<your", "${", "$(", "{{", "changeme", "change_me", "placeholder", "example",
    "redacted",
    "process.env", "os.environ", "getenv", "todo", "dummy", "sample", "insert_", "replace", "undefined", "none", "null",
    "false", "true", "masked", "hidden", "secret_here", "string", "required", "optional",
)  # fmt: skip
"""Beginnings or parts of values that stand for a secret without being one."""
