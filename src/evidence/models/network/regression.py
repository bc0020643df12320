"""Network meta-regression: how effects differ with a feature of the studies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import chdtrc, ndtr, ndtri

from evidence.columns import as_frame, numbers, texts
from evidence.columns import column as column_in
from evidence.errors import DataError, ModelError
from evidence.models.core.weighted import Floats, Model
from evidence.models.network.contrasts import Contrasts
from evidence.models.network.fit import check_network_options, network
from evidence.models.network.least_squares import covariance_root, network_model
from evidence.models.network.result import Network
from evidence.models.network.tau2 import network_tau2
from evidence.results import Shown, lasting_property, number, p_text, span

__all__ = ["NetworkRegression", "network_regression"]


@dataclass(frozen=True, eq=False, repr=False)
class NetworkRegression(Shown):
    """A fitted network meta-regression with one covariate.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> smoking = pd.read_csv("examples/smoking-cessation/smoking.csv")
    >>> smoking["study"] = smoking["author"] + " " + smoking["year"].astype(str)
    >>> contrasts = ev.contrasts_from_arms(
    ...     "study", "arm", events="events", n="n", measure="OR", data=smoking
    ... )
    >>> net = ev.network(contrasts, reference="no contact")
    >>> years = dict(zip(smoking["study"], smoking["year"], strict=True))
    >>> changed = ev.network_regression(net, years)
    >>> changed.slope_names
    ('all treatments',)
    """

    studies: tuple[str, ...]
    covariate: str
    values: Floats
    """Covariate of each study, in the order of `studies`."""
    centre: float
    reference: str
    treatments: tuple[str, ...]
    """All treatments but the reference."""
    slope_names: tuple[str, ...]
    slope_of: Floats
    """Which treatment has which slope: zeros and ones, shape (treatments, slopes)."""
    method: str
    level: float
    tau2: float
    """Between-study variance that the covariate leaves."""
    tau2_without: float
    """Between-study variance of the network without covariate."""
    estimate: Floats
    """Effects of the treatments at the centre, then slopes."""
    transform: Floats
    root: Floats
    """The covariance matrix of the estimates is F F' with F = transform root."""
    q: float
    """Cochran's Q about the regression (common effects)."""
    q_df: int

    @lasting_property
    def slopes(self) -> pd.DataFrame:
        """Change of the effect against the reference for one unit more of the covariate; columns as in `at`."""
        start = len(self.treatments)
        rows = np.eye(len(self.estimate))[start:]
        return self._infer(rows, pd.Index(self.slope_names, name="slope"))

    @property
    def covariance(self) -> Floats:
        """Covariance matrix of the estimates."""
        factor = self.transform @ self.root
        return factor @ factor.T

    @property
    def q_p(self) -> float:
        """P value of `q`; NaN without degrees of freedom."""
        return float(chdtrc(self.q_df, self.q)) if self.q_df else nan

    @lasting_property
    def qm(self) -> float:
        """Wald chi-squared statistic of all slopes together."""
        start = len(self.treatments)
        slopes, block = self.estimate[start:], self.covariance[start:, start:]
        scale = 1.0 / np.sqrt(np.diagonal(block))
        scaled = scale * slopes
        return float(scaled @ np.linalg.solve(block * scale[:, None] * scale[None, :], scaled))

    @property
    def qm_df(self) -> int:
        """Number of slopes."""
        return len(self.slope_names)

    @property
    def qm_p(self) -> float:
        """P value of `qm`."""
        return float(chdtrc(self.qm_df, self.qm))

    def at(self, value: float) -> pd.DataFrame:
        """Effects of all treatments minus the reference at one value of the covariate.

        Returns
        -------
        DataFrame
            Index treatment; columns estimate, se, ci_low, ci_high, z, p_value (normal distribution).
        """
        rows = np.column_stack([np.eye(len(self.treatments)), (value - self.centre) * self.slope_of])
        return self._infer(rows, pd.Index(self.treatments, name="treatment"))

    def to_frame(self) -> pd.DataFrame:
        """Effects at the centre, then slopes (index "slope: ...")."""
        slopes = self.slopes.rename(index=lambda name: f"slope: {name}")
        return pd.concat([self.at(self.centre), slopes]).rename_axis("coefficient")

    def summary(self) -> str:
        """Describe the fit as text."""
        lines = [
            f"Network meta-regression on {self.covariate}, tau2 by {self.method} ({len(self.studies)} studies)",
            "",
            f"  effects v {self.reference} at {self.covariate} = {self.centre:.4g}, and slopes per unit",
        ]
        frame = self.to_frame()
        width = max(len(str(name)) for name in frame.index) + 2
        for name, row in frame.iterrows():
            limits = span(row["ci_low"], row["ci_high"])
            lines.append(
                f"  {name:<{width}}{number(row['estimate']):>10}   {limits:<22} P {p_text(row['p_value'])}"
            )
        lines += [
            "",
            f"  Slopes together: chi-squared {number(self.qm)}, df = {self.qm_df}, P {p_text(self.qm_p)}",
            f"  tau2 {number(self.tau2)}, without covariate {number(self.tau2_without)}",
        ]
        return "\n".join(lines)

    def _infer(self, rows: Floats, index: pd.Index) -> pd.DataFrame:
        estimate = rows @ self.estimate
        se = np.sqrt(np.square(rows @ self.transform @ self.root).sum(axis=1))
        half = ndtri(0.5 + 0.5 * self.level) * se
        z = estimate / se
        return pd.DataFrame(
            {
                "estimate": estimate,
                "se": se,
                "ci_low": estimate - half,
                "ci_high": estimate + half,
                "z": z,
                "p_value": 2.0 * ndtr(-np.abs(z)),
            },
            index=index,
        )


def network_regression(
    net: Network | pd.DataFrame,
    covariate: Mapping[str, float] | pd.Series | str,
    *,
    interaction: str | Sequence[str] = "common",
    reference: str | None = None,
    centre: float | None = None,
    method: str | None = None,
    tau2: float | None = None,
    level: float | None = None,
) -> NetworkRegression:
    """Fit a network in which effects against the reference change with one feature of the studies.

    The effect of treatment t minus the reference in a study with covariate z is d[t] + b[t] (z - centre). Effects
    between two other treatments follow, so with a common slope the covariate does not change them.

    Parameters
    ----------
    net : Network or DataFrame
        A fitted network, or contrasts with columns study, treat1, treat2, effect and se.
    covariate : mapping, Series or str
        Value of each study, finite (0 and 1 for two groups); by name of study, or the name of a column if `net` is a
        DataFrame.
    interaction : str or sequence of str
        "common": one slope for all treatments against the reference; "each": one for every treatment; or the
        treatments that have a slope of their own, the others having none.
    reference : str, optional
        Treatment without slope; by default that of the network. Other than in a network, it matters for the fit
        unless each treatment has its slope.
    centre : float, optional
        Value of the covariate at which effects are told; by default the mean of the studies. It does not change the
        slopes.
    method, tau2, level
        As for `network`, by default those of the network. tau2 is what the covariate leaves unexplained.

    Returns
    -------
    NetworkRegression

    Raises
    ------
    DataError
        If a study has no value, or an option cannot be used; the message names the study.
    ModelError
        If a slope cannot be estimated; the message names the treatments.

    References
    ----------
    .. [1] Cooper NJ et al. (2009). Stat Med 28(14), 1861-1881.
    .. [2] Dias S et al. (2013). Med Decis Making 33(5), 618-640.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> smoking = pd.read_csv("examples/smoking-cessation/smoking.csv")
    >>> smoking["study"] = smoking["author"] + " " + smoking["year"].astype(str)
    >>> contrasts = ev.contrasts_from_arms(
    ...     "study", "arm", events="events", n="n", measure="OR", data=smoking
    ... )
    >>> net = ev.network(contrasts, reference="no contact")
    >>> years = dict(zip(smoking["study"], smoking["year"], strict=True))
    >>> changed = ev.network_regression(net, years)
    >>> print(changed.summary().splitlines()[0])
    Network meta-regression on covariate, tau2 by REML (24 studies)
    """
    values: Any = covariate
    name = "covariate"
    if not isinstance(net, Network):
        net = as_frame(net, "net")
        if isinstance(covariate, str):
            name, values = covariate, _by_study(net, covariate)
        net = network(data=net, method=method or "REML")
    if isinstance(values, str):
        raise DataError(
            "covariate must map studies to numbers; a name of a column needs a DataFrame of contrasts."
        )
    if isinstance(covariate, pd.Series) and covariate.name is not None:
        name = str(covariate.name)
    method, level = method or net.method, level or net.level
    check_network_options(method, level, tau2)
    reference = net.reference if reference is None else reference
    if reference not in net.treatments:
        raise DataError(
            f"the reference {reference!r} is not in the network; choose one of {', '.join(net.treatments)}."
        )
    z = _values(net.studies, values, name)
    centre = float(z.mean()) if centre is None else float(centre)
    others = [treatment for treatment in net.treatments if treatment != reference]
    slopes, picks = _slopes(interaction, net.treatments, reference)
    matrix = _design(net.contrasts, others, picks, z - centre)
    _refuse_unidentified(matrix, len(others), slopes, name, z)
    model = Model(matrix, net.contrasts.response, net.contrasts.variance)
    between = network_tau2(model, method) if tau2 is None else float(tau2)
    weighted = model.at(between)
    return NetworkRegression(
        studies=net.studies,
        covariate=name,
        values=z,
        centre=centre,
        reference=reference,
        treatments=tuple(others),
        slope_names=slopes,
        slope_of=picks[[net.treatments.index(treatment) for treatment in others]],
        method=method,
        level=level,
        tau2=between,
        tau2_without=network_tau2(network_model(net.contrasts), method),
        estimate=weighted.coefficients,
        transform=weighted.transform,
        root=covariance_root(weighted),
        q=float(model.at(0.0).rss),
        q_df=model.k - model.p,
    )


def _by_study(data: pd.DataFrame, column: str) -> dict[str, float]:
    """Covariate of each study from a column that repeats it in each row."""
    found: dict[str, float] = {}
    studies = texts(column_in("study", "study", data), "study")
    values = numbers(column_in(column, "covariate", data), column, labels=studies)
    for study, value in zip(studies, values, strict=True):
        if found.setdefault(study, value) != value and not (np.isnan(value) and np.isnan(found[study])):
            raise DataError(
                f"{study}: {column} differs between its rows ({found[study]:g} and {value:g}); a covariate has one "
                "value a study."
            )
    return found


def _values(studies: Sequence[str], values: Any, name: str) -> Floats:
    table = {str(study): value for study, value in dict(values).items()}
    missing = [study for study in studies if study not in table or not np.isfinite(float(table[study]))]
    if missing:
        raise DataError(
            f"{missing[0]}: it has no value of {name}"
            + (f" (nor have {', '.join(missing[1:])})" if missing[1:] else "")
            + "; add it or leave the study out of the network."
        )
    return np.array([float(table[study]) for study in studies])


def _slopes(
    interaction: str | Sequence[str], treatments: Sequence[str], reference: str
) -> tuple[tuple[str, ...], Floats]:
    """Names of the slopes, and which treatment has which: zeros and ones, shape (t, slopes)."""
    if interaction == "common":
        return ("all treatments",), np.array([[float(name != reference)] for name in treatments])
    if interaction == "each":
        own = [name for name in treatments if name != reference]
    elif isinstance(interaction, str):
        raise DataError(f"interaction must be 'common', 'each' or a list of treatments; got {interaction!r}.")
    else:
        own = list(dict.fromkeys(interaction))
        unknown = [name for name in own if name not in treatments or name == reference]
        if unknown or not own:
            raise DataError(
                f"interaction names {unknown[0]!r}, which is the reference or not in the network."
                if unknown
                else "interaction names no treatment."
            )
    return tuple(own), np.array([[float(name == slope) for slope in own] for name in treatments])


def _design(contrasts: Contrasts, others: Sequence[str], picks: Floats, deviation: Floats) -> Floats:
    """Columns of the treatments, then of the slopes."""
    columns = [contrasts.treatments.index(name) for name in others]
    slopes = (contrasts.matrix @ picks) * deviation[contrasts.row_study, None]
    return np.column_stack([contrasts.matrix[:, columns], slopes])


def _refuse_unidentified(
    matrix: Floats, treatments: int, slopes: Sequence[str], name: str, values: Floats
) -> None:
    """Raise ModelError if treatments and slopes cannot be told apart."""
    scale = np.abs(matrix).max(axis=0)
    if np.ptp(values) == 0.0:
        raise ModelError(f"{name} is {values[0]:g} in every study; it cannot explain differences.")
    _, sizes, right = np.linalg.svd(matrix / np.where(scale > 0.0, scale, 1.0))
    rank = int((sizes > 1e-9 * sizes[0]).sum())
    blind = np.abs(right[rank:]).max(axis=0, initial=0.0)[treatments:] > 1e-7
    if blind.any():
        tied = ", ".join(slope for slope, hidden in zip(slopes, blind, strict=True) if hidden)
        raise ModelError(
            f"the slope of {tied} cannot be estimated: the studies that determine it do not differ in {name}. Use "
            "interaction='common', or list the treatments that have a slope."
        )
