"""Posts findings, one a request."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from spanwarden.exporters.base import Notice, NoticeKind, RefusedError, RetryableError
from spanwarden.exporters.headers import checked
from spanwarden.exporters.http_post import HttpPoster, Reply, host, is_link_local, place
from spanwarden.exporters.redaction import presentable
from spanwarden.exporters.retry_after import seconds_to_wait
from spanwarden.exporters.webhook import signature
from spanwarden.exporters.webhook.body import encode
from spanwarden.exporters.webhook.settings import WebhookSettings

_OURS = frozenset({"content-type", "content-length", "transfer-encoding", "connection", "host"}) | {
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
}
_RETRYABLE = frozenset({408, 425, 429})


class WebhookExporter:
    """Delivers to one URL. `clock` gives seconds since the epoch. Raises ValueError for settings that cannot work."""

    wants: frozenset[NoticeKind] = frozenset({"finding"})
    max_batch = 1

    def __init__(self, name: str, settings: WebhookSettings, clock: Callable[[], float] = time.time) -> None:
        self._name = name
        self._url = settings.url
        self._content = settings.content
        self._clock = clock
        self._headers = checked(settings.headers, _OURS)
        self._keys = signature.keys(settings.secret.get_secret_value()) if settings.secret is not None else ()
        if settings.tls.insecure and settings.url.startswith("https:"):
            raise ValueError("tls.insecure: contradicts an https URL")
        self._poster = HttpPoster(settings.tls, settings.timeout, link_local=settings.allow_link_local)
        if not settings.allow_link_local and is_link_local(host(settings.url)):
            raise ValueError("url: is a link-local address; set allow_link_local to send there")

    def __repr__(self) -> str:
        return f"WebhookExporter({self._name!r}, {place(self._url)})"

    def deliver(self, notices: Sequence[Notice]) -> None:
        """Post the finding of each notice. Raises RetryableError or RefusedError by the receiver's status."""
        for notice in notices:
            shown = presentable(notice, self._content)
            for finding in shown.findings:
                self._post(finding.delivery_id, encode(shown, finding))

    def close(self) -> None:
        """Close the connections."""
        self._poster.close()

    def _post(self, delivery_id: str, body: bytes) -> None:
        now = self._clock()
        headers = {
            **self._headers,
            "content-type": "application/json",
            "webhook-id": delivery_id,
            "webhook-timestamp": str(int(now)),
        }
        headers.setdefault("user-agent", "spanwarden")
        if self._keys:
            headers["webhook-signature"] = signature.signature(self._keys, delivery_id, int(now), body)
        self._judge(self._poster.post(self._url, body, headers))

    def _judge(self, reply: Reply) -> None:
        if 200 <= reply.status < 300:
            return
        message = f"{place(self._url)}: answered {reply.status}"
        if reply.status in _RETRYABLE or reply.status >= 500:
            raise RetryableError(message, seconds_to_wait(reply.headers.get("retry-after"), self._clock()))
        if 300 <= reply.status < 400:
            message += ", redirects are not followed"
        elif reply.status == 410:
            message += ", the receiver is gone"
        raise RefusedError(message)
