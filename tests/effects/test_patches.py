import pytest

from spanwarden.effects.limits import MAX_EFFECTS
from spanwarden.effects.patches import files_of_patch, looks_like_patch
from spanwarden.model.event import Effect


def test_a_new_file_and_a_renamed_file_of_a_diff():
    diff = "diff --git a/x b/y\nrename from x\nrename to y\n--- /dev/null\n+++ b/new.py\t2026-01-01\n+a\n"
    assert files_of_patch(diff) == [Effect("file_write", "y", "move"), Effect("file_write", "new.py", "create")]


@pytest.mark.parametrize("text", ["", "--", "*** Add File: x", "a --- b", "+++ only"])
def test_other_text_is_no_patch(text):
    assert not looks_like_patch(text)


def test_a_patch_of_very_many_files_is_bounded():
    text = "*** Begin Patch\n" + "".join(f"*** Delete File: {n}\n" for n in range(5000))
    assert len(files_of_patch(text)) == MAX_EFFECTS
