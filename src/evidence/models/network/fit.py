"""Network meta-analysis: many treatments, compared directly and indirectly, in one model."""

from __future__ import annotations

from typing import Any

import pandas as pd

from evidence.errors import DataError, ModelError
from evidence.measures import choose_method, choose_prediction
from evidence.models.network.contrasts import Contrasts, read_contrasts
from evidence.models.network.graph import say_parts
from evidence.models.network.least_squares import fit_network, network_model
from evidence.models.network.result import Network
from evidence.models.network.tau2 import METHODS, network_tau2
from evidence.models.pool import VARIANCE_LIMITS

__all__ = ["check_network_options", "network", "network_parts"]


def network(
    study: Any = "study",
    treat1: Any = "treat1",
    treat2: Any = "treat2",
    effect: Any = "effect",
    se: Any = "se",
    *,
    data: pd.DataFrame | None = None,
    reference: str | None = None,
    method: str = "REML",
    tau2: float | None = None,
    level: float = 0.95,
    prediction: str = "V",
    n1: Any = None,
    n2: Any = None,
    arm_variance: Any = None,
    shared_arm_rule: str | float = "equal",
    tolerance: float = 0.02,
    missing: str = "refuse",
) -> Network:
    """Fit a frequentist network meta-analysis by weighted least squares.

    One tau2 is shared by all comparisons. The contrasts of a study with several arms have the correlation that
    follows from their common arms, both within and between studies; to weigh by the inverse of that covariance
    is the same as reducing the weights of such studies (Rücker 2012).

    Parameters
    ----------
    study, treat1, treat2 : str or array-like
        Study and treatments of each contrast: names of columns of `data`, or one value a contrast. A DataFrame in
        place of `study` is taken as `data`.
    effect, se : str or array-like
        Effect of treat1 minus treat2, on an additive scale (log for ratios), and its standard error, positive. A
        study with more than two arms gives every pairwise contrast, or every contrast with one and the same arm.
    data : DataFrame, optional
        Table with one row a contrast.
    reference : str, optional
        Treatment against which results are told; by default the one with most studies (of these the first by name).
        It does not change the fit.
    method : str
        tau2 by "REML" (global maximum of the restricted likelihood), "DL" (generalised method of moments, as in
        netmeta) or "EE" (common effects, tau2 = 0).
    tau2 : float, optional
        A between-study variance to use as given instead of estimating it, at least 0.
    level : float
        Level of all intervals, between 0 and 1; confidence intervals use the normal distribution.
    prediction : str
        Prediction interval: "V" (t, degrees of freedom of Q), "HTS" (t, one less) or "z".
    n1, n2 : str or array-like, optional
        Sizes of the arms, from which the variance of an arm shared by incomplete contrasts is recovered.
    arm_variance : mapping, str or array-like, optional
        Sampling variance of the shared arm: by study, or one value a contrast (NaN where not known).
    shared_arm_rule : str or float
        What to assume about the variance of a shared arm when it cannot be recovered: "equal" (half of the mean
        variance of the study's contrasts, or of the smallest where the mean is too large), a number from 0 to
        below 1 (that share of the smallest variance, to vary the assumption), or "refuse". What was used is in
        the notes of the result.
    tolerance : float
        How far contrasts of a study may be from adding up, in units of the study's smallest standard error (rounded
        reports never add up exactly); they are then adjusted to add up.
    missing : {"refuse", "omit"}
        What is done with a contrast whose effect or standard error is missing: refuse, or leave it out and say so in
        the notes.

    Returns
    -------
    Network

    Raises
    ------
    DataError
        If a value cannot be used; a study compares a treatment with itself, repeats or lacks a contrast, or its
        contrasts do not add up; or the reference is not in the network. The message names the study.
    ModelError
        If the network is not connected; the message names its parts.

    References
    ----------
    .. [1] Rücker G (2012). Res Synth Methods 3(4), 312-324.
    .. [2] Jackson D, White IR, Riley RD (2012). Stat Med 31(29), 3805-3820.

    Examples
    --------
    >>> import evidence as ev
    >>> net = ev.network(["s1", "s2", "s3"], ["a", "b", "a"], ["b", "c", "c"], [0.5, 0.2, 0.6], [0.1, 0.1, 0.2])
    >>> net.effects.loc["a", "c"].round(3)
    np.float64(0.667)
    """
    method = check_network_options(method, level, tau2)
    prediction = choose_prediction(prediction)
    contrasts = read_contrasts(
        study, treat1, treat2, effect, se, data=data, n1=n1, n2=n2, arm_variance=arm_variance,
        shared_arm_rule=shared_arm_rule, tolerance=tolerance, missing=missing,
    )  # fmt: skip
    if len(contrasts.parts) > 1:
        raise ModelError(
            f"the network falls into {len(contrasts.parts)} parts that no study connects: "
            f"{say_parts(contrasts.parts, contrasts.treatments)}. Fit each part alone (network_parts gives their "
            "contrasts), or a component model, which may connect them."
        )
    if reference is None:
        reference = _most_studied(contrasts)
    elif reference not in contrasts.treatments:
        raise DataError(
            f"the reference {reference!r} is not in the network; choose one of {', '.join(contrasts.treatments)}."
        )
    between = float(network_tau2(network_model(contrasts), method)) if tau2 is None else float(tau2)
    return Network(
        contrasts=contrasts,
        reference=reference,
        method=method,
        level=level,
        prediction=prediction,
        tau2=between,
        tau2_given=tau2 is not None,
        random=fit_network(contrasts, between),
    )


def network_parts(
    study: Any = "study",
    treat1: Any = "treat1",
    treat2: Any = "treat2",
    effect: Any = "effect",
    se: Any = "se",
    *,
    data: pd.DataFrame | None = None,
    **options: Any,
) -> list[pd.DataFrame]:
    """Divide contrasts into the connected parts of their network, each of which `network` can fit.

    Parameters
    ----------
    study, treat1, treat2, effect, se, data
        As for `network`; `options` are its n1, n2, arm_variance, shared_arm_rule, tolerance and missing.

    Returns
    -------
    list of DataFrame
        All pairwise contrasts of each part (study, treat1, treat2, effect, se), the part with most treatments first.

    Examples
    --------
    >>> import evidence as ev
    >>> parts = ev.network_parts(["s1", "s2"], ["a", "c"], ["b", "d"], [0.5, 0.2], [0.1, 0.1])
    >>> [ev.network(part).treatments for part in parts]
    [('a', 'b'), ('c', 'd')]
    """
    contrasts = read_contrasts(study, treat1, treat2, effect, se, data=data, **options)
    frame = contrasts.to_frame()
    names = [{contrasts.treatments[node] for node in part} for part in contrasts.parts]
    return [frame[frame["treat1"].isin(part)].reset_index(drop=True) for part in names]


def check_network_options(method: str, level: float, tau2: float | None) -> str:
    """Return the method, if the options are known and go together."""
    method = choose_method(method, METHODS)
    if not (level > 0.0 and 0.5 + 0.5 * level < 1.0):
        raise DataError(f"level must lie between 0 and 1, for example 0.95; got {level!r}.")
    if tau2 is not None and (method == "EE" or not 0.0 <= tau2 <= VARIANCE_LIMITS[1]):
        raise DataError(
            f"tau2 as given must lie between 0 and {VARIANCE_LIMITS[1]:g} and suits no method 'EE'; got {tau2!r}."
        )
    return method


def _most_studied(contrasts: Contrasts) -> str:
    count = [0] * len(contrasts.treatments)
    for arms in contrasts.arms:
        for arm in arms:
            count[arm] += 1
    return contrasts.treatments[count.index(max(count))]
