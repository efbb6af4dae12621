from spanwarden.detectors.folding import fold
from spanwarden.detectors.spelling import mend
from spanwarden.detectors.texts import MAX_LEAVES, excerpt, leaves, pieces
from spanwarden.detectors.wording import canonical, particular, stem


def test_leaves_name_their_places_in_order() -> None:
    value = {"to": ["a@x", "b@x"], "n": 3, "ok": True, "none": None, "raw": '{"k": "v"}'}
    found = [(leaf.field, leaf.text) for leaf in leaves(value, "arguments")]
    assert found == [
        ("arguments.to[0]", "a@x"),
        ("arguments.to[1]", "b@x"),
        ("arguments.n", "3"),
        ("arguments.raw.k", "v"),
    ]


def test_leaves_are_bounded_and_survive_depth() -> None:
    deep: list[object] = []
    for _ in range(5_000):
        deep = [deep, "x"]
    assert len(leaves(deep, "r")) == MAX_LEAVES
    assert leaves("[" * 100_000, "r")[0].field == "r"
    assert leaves(10**5_000, "r")[0].text == ""


def test_pieces_are_head_and_tail() -> None:
    assert pieces("abc") == ((0, "abc"),)
    assert pieces("a" * 90 + "b" * 30, 40) == ((0, "a" * 30), (110, "b" * 10))


def test_excerpt_is_one_line() -> None:
    assert excerpt("a\n  b") == "a b"
    assert len(excerpt("x" * 500)) == 160


def test_folding_keeps_offsets() -> None:
    plain = fold("naïve “quote”")
    assert plain.data == b'naive "quote"'
    assert plain.offsets is None
    hidden = fold("a\u200bb")
    assert hidden.data == b"ab"
    assert [hidden.original(i, 3) for i in (0, 1, 2)] == [0, 2, 3]


def test_spelling_is_mended_only_one_letter_away() -> None:
    assert mend(b"ignroe the instrctions")[0] == b"ignore the instructions"
    assert mend(b"ignored previously executed forge")[0] == b"ignored previously executed forge"
    mended, shifts = mend(b"x ignoree y")
    assert mended == b"x ignore y"
    assert shifts == [(8, -1)]


def test_addresses_are_spelled_one_way() -> None:
    assert " far.example/a " in canonical("see https://www.far.example/a/.")
    assert canonical("https://far.example/a").endswith("| far.example ")
    assert canonical('"Hi", <b@x.org>!') == " hi b@x.org "
    assert canonical("IBAN:NL91ABNA0417164300") == " iban nl91abna0417164300 "


def test_particular_tokens() -> None:
    for token in ("b@x.org", "nl91abna0417164300", "a/b.txt", "report.pdf", "tp-4471", "new_secret", "555-123-4567"):
        assert particular(token), token
    for token in ("hello", "2024-05-30", "12", "10:20", "30mins", "21st", "20240530", "and/or"):
        assert not particular(token), token


def test_stems_join_forms() -> None:
    assert len({stem(word) for word in ("transfer", "transfers", "transferred", "transferring")}) == 1
    assert stem("copies") == stem("copy")
