"""Whatever comes in whatever order, late, twice, cut short by restarts: the verdict is as if all came at once.

`SPANWARDEN_SEEDS=5000` runs that many seeds, `SPANWARDEN_SEED=17` that one.
"""

from __future__ import annotations

import os

import pytest

from simulation.driver import simulated

COUNT = int(os.environ.get("SPANWARDEN_SEEDS", "200"))
BATCH = 20
ONE = os.environ.get("SPANWARDEN_SEED")
SEEDS = [[int(ONE)]] if ONE else [list(range(n, min(n + BATCH, COUNT))) for n in range(0, COUNT, BATCH)]


@pytest.mark.parametrize("seeds", SEEDS, ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")
def test_every_seed_comes_to_what_the_oracle_sees(seeds: list[int]) -> None:
    for seed in seeds:
        plan, outcome, expected = simulated(seed)
        assert outcome.verdicts == expected, f"seed {seed}: {', '.join(plan.names)}"
        # A child that comes after its parent may show that a call was none (a hand-off, a denied one).
        if plan.in_order and not plan.restarts:
            unsaid = outcome.early.keys() - outcome.final.keys()
            assert not unsaid, f"seed {seed}: told early and not in the end: {[outcome.early[name] for name in unsaid]}"
