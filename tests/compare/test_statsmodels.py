"""Everything that statsmodels also has, against it; importing it takes seconds, so it is asked once."""

from importlib import import_module

import numpy as np
import pytest

from app.domain import metrics
from app.domain.stats import exact


@pytest.mark.slow
def test_all__equal_statsmodels():
    contingency_tables, multitest, proportion = (
        import_module(f"statsmodels.stats.{name}") for name in ("contingency_tables", "multitest", "proportion")
    )
    rng = np.random.default_rng(5)
    for number in range(60):
        gained, lost, total = (int(one) for one in rng.integers(1, 300, 3))
        reference = contingency_tables.mcnemar([[50, lost], [gained, 20]], exact=True).pvalue
        assert exact.mcnemar(gained, lost) == pytest.approx(reference, abs=1e-6)
        correct = int(rng.integers(0, total + 1))
        for method, ours in (("beta", exact.clopper_pearson), ("wilson", metrics.wilson)):
            found = ours(correct, total)
            assert found is not None
            wanted = proportion.proportion_confint(correct, total, method=method)
            assert (found.low, found.high) == pytest.approx(wanted, abs=1e-6)
        if number < 5:  # each call has the garbage collector look at all objects of the test run
            values = rng.random(int(rng.integers(1, 12))) ** 3
            wanted = multitest.multipletests(values, method="holm")[1]
            assert exact.holm(values.tolist()) == pytest.approx(wanted, abs=1e-6)
