"""When a tenant's near tier turns itself off."""

import pytest

from shared.recall.near.bound import ALLOWED, too_many, wrong_bound


@pytest.mark.parametrize(
    ("wrong", "checked", "bound"),
    [(0, 0, 1.0), (0, 1, 0.95), (0, 3_064, 0.000977), (1, 100, 0.04656), (5, 5, 1.0), (10, 100, 0.16372)],
)
def test_the_bound_is_that_of_clopper_and_pearson(wrong: int, checked: int, bound: float) -> None:
    """Against tables: 1 - 0.05^(1/n) where none was wrong."""
    assert wrong_bound(wrong, checked) == pytest.approx(bound, rel=2e-3)


@pytest.mark.parametrize(("wrong", "checked"), [(-1, 3), (4, 3)])
def test_impossible_counts_are_refused(wrong: int, checked: int) -> None:
    """More wrong than checked is a defect of ours."""
    with pytest.raises(ValueError, match="can't be wrong"):
        wrong_bound(wrong, checked)


def test_few_checks_say_nothing_against_a_tier() -> None:
    """It stays on while none was wrong; the first wrong hit ends it, unless thousands of checks stand against it."""
    assert not any(too_many(0, checked) for checked in (0, 1, 10, 100, 10_000))
    assert too_many(1, 1)
    assert too_many(1, 1_000)
    assert wrong_bound(1, 5_000) < ALLOWED
    assert not too_many(1, 5_000)
    assert too_many(10, 5_000)
