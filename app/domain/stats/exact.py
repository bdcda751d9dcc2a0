"""Exact statements about counts: intervals of a share, the paired test of two runs, many tests at once."""

from collections.abc import Sequence

from app.domain.metrics import Interval
from app.domain.stats import beta

LEVEL = 0.05  # a difference is called proven when chance alone would show as large a one less often than this


def clopper_pearson(correct: int, total: int, level: float = LEVEL) -> Interval | None:
    """The exact interval of a share, 95 % unless told; None without pictures.

    It never covers the true value less often than it says, which matters where all of a few pictures are right: 12 of
    12 is 73.5 to 100 %. Source: C. J. Clopper, E. S. Pearson, Biometrika 26 (1934).
    """
    if total == 0:
        return None
    low = beta.quantile(correct, total - correct + 1, level / 2) if correct else 0.0
    high = beta.quantile(correct + 1, total - correct, 1 - level / 2) if correct < total else 1.0
    return Interval(low, high)


def mcnemar(gained: int, lost: int) -> float:
    """The p value of McNemar's exact test, two-sided.

    Args:
        gained: pictures that only the second run has right.
        lost: pictures that only the first run has right.

    Returns:
        The chance of a split at least as uneven when each of these pictures were as likely to change either way. The
        exact test is used for all counts: it never says "proven" more often than its level allows, which the mid-p
        and the chi-square versions do. Source: Q. McNemar, Psychometrika 12 (1947); sign test, binomial.
    """
    changed, smaller = gained + lost, min(gained, lost)
    if gained == lost:
        return 1.0
    # P(X <= smaller) of a binomial with share 1/2 is I_1/2(changed - smaller, smaller + 1).
    return min(2 * beta.incomplete(changed - smaller, smaller + 1, 0.5), 1.0)


def fewest_changes(level: float = LEVEL) -> int:
    """How many pictures must change side, all the same way, before ``mcnemar`` is below ``level``: 6 at 5 %."""
    changes = 1
    while mcnemar(changes, 0) >= level:
        changes += 1
    return changes


def holm(values: Sequence[float]) -> list[float]:
    """p values of several tests, adjusted so that their common chance of one false alarm stays at the level.

    Source: S. Holm, Scandinavian Journal of Statistics 6 (1979).
    """
    adjusted = [0.0] * len(values)
    highest = 0.0
    for rank, place in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        highest = max(highest, min((len(values) - rank) * values[place], 1.0))
        adjusted[place] = highest
    return adjusted
