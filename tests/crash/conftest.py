"""In CI nothing of this may be skipped; see `integration.skips`."""

from integration.skips import pytest_make_collect_report, pytest_runtest_makereport

__all__ = ["pytest_make_collect_report", "pytest_runtest_makereport"]
