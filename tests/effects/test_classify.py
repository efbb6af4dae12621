from spanwarden.effects.classify import effects_of
from spanwarden.model.event import Effect


def test_a_call_without_telemetry_of_its_arguments_still_has_its_kind():
    assert effects_of("read_file", None) == (Effect("file_read"),)
