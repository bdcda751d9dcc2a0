"""How the share of wrong answers falls with the number of pictures: a power law, its band, and what twice as many give.

``error(n) = a * (n / most) ** -b + c`` with a floor c of at least 0, by least squares; ``most`` is the largest number
measured. Source of the law: C. Cortes and others, "Learning curves: asymptotic values and rate of convergence" (1994).

The limits are those of all laws that fit almost as well (profile likelihood; D. M. Bates, D. G. Watts, "Nonlinear
regression analysis and its applications", 1988, chapter 6): the usual ones, from the slopes at the best law, promise
far too much where the data hardly tell a, b and c apart.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from app.domain.metrics import Z_95
from app.domain.stats import beta

SLOWEST, FASTEST = 0.02, 4.0  # exponents b that are looked at
FEWEST_SIZES = 3  # different numbers of pictures that a fit needs
WIDEST = 0.1  # of an interval that still says something
_TRIED, _NEARER, _ROUNDS = 300, 41, 7

Floats = NDArray[np.float64]


class Verdict(StrEnum):
    """What the fit carries."""

    GAIN = "gain"  # more pictures surely help
    FLAT = "flat"  # it is not proven that they help
    WIDE = "wide"  # anything may be
    FEW = "few"  # too little was measured for a fit


@dataclass(frozen=True)
class Between:
    """A value with its 95 % limits."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Law:
    """The best law, and those (k, 3) at the edge of what fits almost as well, each as (a, b, c).

    ``judged``: how many different pictures judged; infinite when there is nothing else to be judged.
    """

    a: float
    b: float
    c: float
    most: float
    others: Floats
    judged: float = math.inf

    def at(self, count: float) -> Between:
        """The share of wrong answers with ``count`` pictures, with the band of the fit."""
        x = count / self.most
        a, b, c = self.others.T
        return _between(self.a * x**-self.b + self.c, a * x**-b + c)

    def gain(self, times: float = 2.0) -> Between:
        """By how much the share falls from ``most`` to ``times`` as many pictures.

        The limits hold for other pictures than those that judged, too: at least as many answers must flip as the share
        falls, so with n pictures its variance is at least fall / n (that of McNemar's difference); one flip counts
        where nothing falls.
        """
        a, b, _ = self.others.T
        found = _between(self.a * (1 - times**-self.b), a * (1 - times**-b))
        luck = Z_95 * math.sqrt(max(abs(found.value), 1 / self.judged) / self.judged)
        low, high = (math.hypot(limit - found.value, luck) for limit in (found.low, found.high))
        return Between(found.value, found.value - low, found.value + high)


def _between(value: float, others: Floats) -> Between:
    return Between(value, min(float(others.min()), value), max(float(others.max()), value))


def student(spare: int) -> float:
    """The 97.5 % point of Student's distribution with ``spare`` degrees of freedom, at least 1."""
    x = beta.quantile(spare / 2, 0.5, 0.05)
    return math.sqrt(spare * (1 - x) / x)


def fit(counts: ArrayLike, wrong: ArrayLike, judged: float = math.inf) -> Law | None:
    """The law through shares of wrong answers (m,) measured with ``counts`` (m,) pictures; None for too few.

    For each exponent the best a and c are those of a line, so only the exponent is searched for.
    """
    sizes, errors = np.asarray(counts, np.float64), np.asarray(wrong, np.float64)
    spare = len(sizes) - 3
    if len(np.unique(sizes)) < FEWEST_SIZES or spare < 1 or sizes.min() <= 0:
        return None
    most = float(sizes.max())
    lines = _Lines(sizes / most, errors)
    tried = np.linspace(math.log(SLOWEST), math.log(FASTEST), _TRIED)
    logs = tried
    for _ in range(_ROUNDS):
        a, c, rest = lines.best(np.exp(logs))
        at = int(rest.argmin())
        logs = np.linspace(logs[max(at - 1, 0)], logs[min(at + 1, len(logs) - 1)], _NEARER)
    a, c, rest = lines.best(np.exp(logs))
    at = int(rest.argmin())
    limit = float(rest[at]) * (1 + student(spare) ** 2 / spare)
    return Law(float(a[at]), float(np.exp(logs[at])), float(c[at]), most, lines.edge(np.exp(tried), limit), judged)


def verdict(law: Law | None) -> Verdict:
    """What can be said of twice as many pictures."""
    if law is None:
        return Verdict.FEW
    gain = law.gain()
    if gain.high - gain.low > WIDEST:
        return Verdict.WIDE
    return Verdict.GAIN if gain.low > 0 else Verdict.FLAT


class _Lines:
    """For given exponents (k,) the law is a line in the powers of ``x``: its best a and c, and those at an edge."""

    def __init__(self, x: Floats, errors: Floats) -> None:
        self._x, self._errors, self._mean = x, errors, float(errors.mean())

    def best(self, b: Floats) -> tuple[Floats, Floats, Floats]:
        """(a, c, sum of squares) of the best law of each exponent, each (k,)."""
        power, centre, spread, square = self._sums(b)
        a = (power - centre[:, None]) @ (self._errors - self._mean) / spread
        c = self._mean - a * centre
        a = np.where(c < 0, power @ self._errors / square, a)
        c = np.maximum(c, 0)
        return a, c, self._rest(power, a, c)

    def edge(self, b: Floats, limit: float) -> Floats:
        """The laws (n, 3) of these exponents whose sum of squares is ``limit``, with the best of each below it."""
        power, centre, spread, square = self._sums(b)
        best, floor, rest = self.best(b)
        free = (power - centre[:, None]) @ (self._errors - self._mean) / spread
        bound = power @ self._errors / square
        nothing = np.zeros(len(b))
        found = [np.stack([best, b, floor], axis=1)[rest <= limit]]
        for at, width, floors in (
            (free, spread, self._mean - free * centre),
            (bound, square, nothing),
        ):
            over = limit - self._rest(power, at, floors)
            away = np.sqrt(np.maximum(over, 0) / width)
            for a in (at - away, at + away):
                c = np.maximum(self._mean - a * centre, 0)
                fits = (over >= 0) & (self._rest(power, a, c) <= limit * (1 + 1e-9))
                found.append(np.stack([a, b, c], axis=1)[fits])
        return np.concatenate(found)

    def _sums(self, b: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        power: Floats = self._x ** -b[:, None]
        centre = power.mean(axis=1)
        spread = np.maximum(((power - centre[:, None]) ** 2).sum(axis=1), 1e-300)
        return power, centre, spread, (power**2).sum(axis=1)

    def _rest(self, power: Floats, a: Floats, c: Floats) -> Floats:
        found: Floats = ((a[:, None] * power + c[:, None] - self._errors) ** 2).sum(axis=1)
        return found
