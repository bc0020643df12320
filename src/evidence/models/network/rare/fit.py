"""Network meta-analysis of counts: for rare events, without corrections of zero cells."""

from __future__ import annotations

from math import nan
from typing import Any

from evidence.errors import DataError, choose
from evidence.models.network.least_squares import fit_network
from evidence.models.network.rare.hypergeometric import likeliest_positions
from evidence.models.network.rare.mantel_haenszel import design_contrasts
from evidence.models.network.rare.result import METHODS, CountNetwork
from evidence.models.network.rare.trials import Trials, read_trials

__all__ = ["network_counts"]

ALSO = {"mantel-haenszel": "MH", "hypergeometric": "NCH", "CM.EL": "NCH"}
"""What others call the methods."""


def network_counts(
    study: Any,
    treatment: Any,
    events: Any,
    n: Any,
    *,
    data: Any = None,
    method: str = "MH",
    reference: str | None = None,
    level: float = 0.95,
) -> CountNetwork:
    """Compare treatments by odds ratios from the events of each arm, also where events are rare.

    Effects are common to all studies; there is no version with random effects. Cells without events need no
    correction; studies in which nobody or everybody had the event say nothing of odds ratios and are named in the
    note.

    Parameters
    ----------
    study, treatment : str or array-like
        Columns of `data`, or one value an arm.
    events, n : str or array-like
        Patients with the event, and all patients, of each arm.
    data : DataFrame, optional
        Table with one row an arm (pandas, polars or alike).
    method : str
        "MH": Mantel-Haenszel odds ratios within each design, brought together by weighted least squares. "NCH": exact
        conditional likelihood (non-central hypergeometric), which can use studies of designs in which an arm has no
        event.
    reference : str, optional
        Treatment against which results are told; by default the one in most studies (of these the first by name).
    level : float
        Level of all intervals, between 0 and 1.

    Returns
    -------
    CountNetwork

    Raises
    ------
    DataError
        If a value is missing or no count, a study has one arm only or two with the same treatment, or an option is
        unknown.
    ModelError
        If no odds ratio, or none of some treatment, can be estimated, or the network is not connected.

    References
    ----------
    .. [1] Efthimiou O, Rücker G, Schwarzer G, Higgins JPT, Egger M, Salanti G (2019). Stat Med 38(16), 2992-3012.
    .. [2] Stijnen T, Hamza TH, Özdemir P (2010). Stat Med 29(29), 3046-3067.

    Examples
    --------
    >>> import evidence as ev
    >>> net = ev.network_counts(list("aabbcc"), list("xyyzxz"), [1, 3, 2, 5, 0, 4], [100] * 6, reference="x")
    >>> net.effects.loc["z", "x"].round(2)
    np.float64(2.07)
    """
    method = choose("method", method, METHODS, ALSO)
    if not (level > 0.0 and 0.5 + 0.5 * level < 1.0):
        raise DataError(f"level must lie between 0 and 1, for example 0.95; got {level!r}.")
    trials = read_trials(study, treatment, events, n, data)
    if reference is None:
        reference = _most_studied(trials)
    elif reference not in trials.treatments:
        raise DataError(
            f"the reference {reference!r} is not in the network; choose one of {', '.join(trials.treatments)}."
        )
    if method == "NCH":
        position, covariance, height = likeliest_positions(trials)
        return CountNetwork(trials, reference, method, level, position, covariance, nan, 0, None, height)
    designs = design_contrasts(trials)
    fit = fit_network(designs, 0.0)
    factor = fit.transform @ fit.root
    df = len(designs.response) - len(trials.treatments) + 1
    return CountNetwork(
        trials, reference, method, level, fit.position, factor @ factor.T, fit.q, df, designs, nan
    )


def _most_studied(trials: Trials) -> str:
    count = [0] * len(trials.treatments)
    for trial in trials.used:
        for arm in trial.arms:
            count[arm] += 1
    return trials.treatments[count.index(max(count))]
