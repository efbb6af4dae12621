import math

from spanwarden.exporters.otlp.attributes import any_value, clean, distinct, key_values


def test_every_kind_of_value_has_its_field():
    values = {"s": "a", "b": True, "i": 3, "f": 0.5, "l": ["x", 1], "m": {"k": "v", "none": None}}
    told = {pair.key: pair.value for pair in key_values(values)}
    assert told["s"].string_value == "a"
    assert told["b"].WhichOneof("value") == "bool_value"
    assert told["i"].WhichOneof("value") == "int_value"
    assert told["f"].double_value == 0.5
    assert [item.WhichOneof("value") for item in told["l"].array_value.values] == ["string_value", "int_value"]
    assert [pair.key for pair in told["m"].kvlist_value.values] == ["k"]


def test_empty_is_absent_but_zero_and_false_are_facts():
    kept = key_values({"a": None, "b": "", "c": (), "d": [], "e": 0, "f": False, "g": 0.0})
    assert [pair.key for pair in kept] == ["e", "f", "g"]


def test_numbers_beyond_64_bits_are_clamped_and_nan_passes():
    assert any_value(10**30).int_value == 2**63 - 1
    assert any_value(-(10**30)).int_value == -(2**63 - 1)
    assert math.isnan(any_value(math.nan).double_value)


def test_text_is_bounded_and_valid():
    assert clean("a\udfffb") == "a?b"
    assert len(clean("ü" * 10_000)) == 4096


def test_distinct_keeps_order_and_is_bounded():
    assert distinct(["b", None, "a", "b", ""]) == ["b", "a"]
    assert len(distinct(map(str, range(1000)))) == 128
