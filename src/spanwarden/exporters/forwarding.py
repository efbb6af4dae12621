"""Settings of exporters that can take received telemetry on."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from spanwarden.configuration.section import Section, Size
from spanwarden.exporters.base import ExporterSettings, QueueSettings

MIB = 1 << 20


class SpillSettings(Section):
    """Where forwarded requests wait once memory is full."""

    directory: str = Field(description="Directory for waiting requests; every exporter has a folder of its own in it.")
    max_size: Size = Field(1024 * MIB, description="Most disk space used; what is beyond is dropped and counted.")

    @field_validator("directory")
    @classmethod
    def _named(cls, value: str) -> str:
        if not value.strip() or "\0" in value:
            raise ValueError("expected a directory")
        return value


class ForwardingQueueSettings(QueueSettings):
    """How much may wait: findings are counted in notices, forwarded telemetry in bytes."""

    queue_bytes: Size = Field(
        64 * MIB, gt=0, description="Memory for forwarded requests; what does not fit is dropped and counted."
    )
    num_consumers: int = Field(4, gt=0, le=64, description="Forwarded requests that are under way at the same time.")
    spill: SpillSettings | None = Field(None, description="Disk space for forwarded requests once memory is half full.")


class ForwardSettings(Section):
    """What is changed in telemetry before it is sent on; by default nothing is, not one byte."""

    content: Literal["keep", "drop", "hash"] = Field(
        "keep",
        description="Prompts, messages, arguments and results: send, leave out, or send their BLAKE2b digest.",
    )
    content_keys: tuple[str, ...] = Field(
        (), description="More attributes to drop or hash; a name that ends in * stands for all that begin so."
    )

    @field_validator("content_keys")
    @classmethod
    def _useful(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for key in value:
            if not key.removesuffix("*") or "*" in key[:-1]:
                raise ValueError(f"{key!r} is no attribute name, nor the beginning of one and a * at its end")
        return value


class ForwardingSettings(ExporterSettings):
    """Settings of an exporter that takes findings, or forwards telemetry, or both."""

    sending_queue: ForwardingQueueSettings = Field(
        ForwardingQueueSettings(), description="The queue in front of this exporter."
    )
    forward: ForwardSettings = Field(ForwardSettings(), description="What forwarded telemetry looks like.")
