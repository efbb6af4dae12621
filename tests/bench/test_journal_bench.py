"""The bench stores and reads what it says it does; its figures are for a quiet machine."""

from bench.journal import MODES, SIZES, appends, replay, runs


def test_every_size_is_stored_in_every_mode_beside_its_floor(tmp_path):
    costs = appends(tmp_path, rounds=1, share=0.02)
    assert set(costs) == {f"{size} {mode}" for size in SIZES for mode in ("floor", *MODES)}
    assert all(cost.wall > 0 for cost in costs.values())
    assert list(tmp_path.iterdir()) == []


def test_runs_are_read_again(tmp_path):
    bodies = list(runs(True, 60, 20))
    assert len(set(bodies)) == 20
    rates = replay(tmp_path / "replay", bodies)
    assert rates.known > rates.read > 0
    assert rates.opened > 0
