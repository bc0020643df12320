"""A network of a review with what the rating of each of its estimates looks at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from evidence.appraisal.certainty.absolute_data import implied_sd
from evidence.appraisal.certainty.evidence import withheld
from evidence.effects.choosing.description import overall_risk_of_bias
from evidence.effects.choosing.network_data import network_data, network_refused, node_of
from evidence.errors import DataError
from evidence.models.network.fit import network, network_parts
from evidence.models.network.graph import independent_paths
from evidence.models.network.result import Network
from evidence.models.network.tau2 import METHODS
from evidence.synthesis.synthesis import missing_trials
from evidence.tables.bias_tools import NOT_JUDGED
from evidence.tables.protocol.protocol import Analysis, AnalysisSpec
from evidence.tables.review import Review

__all__ = ["NetworkBase", "comparison_key", "gather_network"]


@dataclass(frozen=True, eq=False)
class NetworkBase:
    """A network of trials with what the rating of each of its estimates looks at.

    Attributes
    ----------
    review : Review
    outcome, window, nodes : str
        Names in the protocol.
    data : DataFrame
        The contrasts of this connected network, as `network_data` gives them.
    whole : DataFrame
        The same with those of other parts, which no trial connects with it.
    net : Network
    refused : DataFrame
        What trials report on pairs of its treatments that it cannot use, as `network_refused` gives it.
    fitting : frozenset of str
        Trials that fit the question fully.
    mid : float or None
        Important difference in place of the protocol's, in the units of the measure.
    """

    review: Review
    outcome: str
    window: str
    nodes: str
    data: pd.DataFrame
    whole: pd.DataFrame
    net: Network
    refused: pd.DataFrame
    fitting: frozenset[str]
    mid: float | None

    @property
    def measure(self) -> str:
        """Measure of the effects."""
        return str(self.data["measure"].iloc[0])

    @cached_property
    def trials(self) -> pd.DataFrame:
        """One row a trial: trial_id, study (what counts as one trial), label, n, risk_of_bias; index: its label."""
        protocol = self.review.protocol
        bias = overall_risk_of_bias(self.review.bias_judgements, protocol.risk_of_bias.key_domains)
        arms = pd.concat(
            [
                self.data[["study", f"treat{side}", f"n{side}"]].set_axis(["study", "treat", "n"], axis=1)
                for side in (1, 2)
            ]
        ).drop_duplicates(["study", "treat"])
        names = self.data.drop_duplicates("study").set_index("study")["trial_id"]
        return pd.DataFrame(
            {
                "trial_id": names,
                "study": names.map(protocol.trial_of),
                "label": names.index,
                "n": arms.groupby("study")["n"].sum(min_count=1).reindex(names.index),
                "risk_of_bias": [bias.get(name, NOT_JUDGED) for name in names],
            },
            index=names.index,
        ).loc[list(self.net.studies)]

    @cached_property
    def by_trial(self) -> pd.DataFrame:
        """Share of each estimate that each trial contributes."""
        return self.net.contributions("studies") / 100.0

    @cached_property
    def by_comparison(self) -> pd.DataFrame:
        """Share of each estimate that each direct comparison contributes."""
        return self.net.contributions("comparisons") / 100.0

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """Direct and indirect evidence as of `Network.split`, with the strata of one trial counted as one study."""
        table = self.net.split()
        sides = zip(table["treat1"], table["treat2"], strict=True)
        return table.assign(studies=[self.direct(one, other)["study"].nunique() for one, other in sides])

    @cached_property
    def split(self) -> dict[str, dict[Any, Any]]:
        """Direct and indirect evidence of each comparison; rows of `Network.split` by their names."""
        return {row["comparison"]: row for row in self.net.split().to_dict("records")}

    @cached_property
    def mixed(self) -> dict[str, tuple[str, ...]]:
        """The different active components that a treatment takes together under one name, where it does so.

        Those of the arms of its trials; care that everyone gets, a sham and no treatment are no such components.
        """
        protocol = self.review.protocol
        known, grouping = protocol.components, protocol.nodes[self.nodes]
        arms = self.review.arms[self.review.arms["trial_id"].isin(self.data["trial_id"])]
        parts: dict[str, set[str]] = {}
        for components in arms["components"].astype(str):
            parts.setdefault(node_of(components, known, grouping), set()).update(components.split("+"))
        found: dict[str, tuple[str, ...]] = {}
        for treatment in self.net.treatments:
            for name in treatment.split("+"):
                merged = set(grouping.get(name, ())) & {*known.studied, *known.active}
                held = tuple(part for part in known.all if part in merged & parts.get(treatment, set()))
                if len(held) > 1:
                    found[treatment] = (*found.get(treatment, ()), *held)
        return found

    @cached_property
    def incoherence_p(self) -> float:
        """P value of the design-by-treatment interaction under random effects."""
        table = self.net.decomposition().to_frame()
        return float(table["p_value"]["between designs, random effects"])

    @cached_property
    def spread(self) -> float:
        """Standard deviation of a person's score that the standard errors imply; NaN without sizes."""
        sized = self.data.rename(columns={"n1": "n_arm", "n2": "n_comparator"})
        return implied_sd(sized, "MD")

    @cached_property
    def missing(self) -> pd.DataFrame:
        """One row a direct comparison: trials, lacking (cannot be used), withheld (perhaps for their result)."""
        rows = []
        pairs = {pair["comparison"]: pair for pair in self.pairs.to_dict("records")}
        for name in self.by_comparison:
            pair = pairs[str(name)]
            rest = self.lacking(pair["treat1"], pair["treat2"])
            hidden = withheld(self.review, self.question(pair["treat1"], pair["treat2"]), rest)
            rows.append((name, pair["studies"], rest["study"].nunique(), len(hidden)))
        columns = ["comparison", "trials", "lacking", "withheld"]
        return pd.DataFrame(rows, columns=columns).set_index("comparison")

    def question(self, one: str, other: str) -> Analysis:
        """Put a comparison of two treatments as an analysis."""
        protocol = self.review.protocol
        window = protocol.windows[self.window]
        spec = AnalysisSpec(
            id=f"network-{self.nodes}",
            title=f"{one} v {other}",
            intervention=(one,),
            comparator=(other,),
            outcomes=(self.outcome,),
            windows=(self.window,),
        )
        return Analysis(
            id=f"{self.outcome}-{self.window}-{self.nodes}: {one} v {other}",
            spec=spec,
            outcome=self.outcome,
            window=self.window,
            outcome_title=protocol.outcomes[self.outcome].title,
            window_title=window.title,
            term=window.term(self.window),
        )

    def key(self, one: str, other: str) -> str:
        """Name of a comparison in the tables of the network."""
        for name in (one, other):
            if name not in self.net.treatments:
                raise DataError(
                    f"{name!r} is not in the network; choose one of {', '.join(self.net.treatments)}."
                )
        if one == other:
            raise DataError(f"{one!r} cannot be compared with itself; give two treatments.")
        return comparison_key(self.net, one, other)

    def paths(self, one: str, other: str) -> int:
        """Number of trials on which a comparison rests: paths between the two that share no trial."""
        return self.paths_in(self.net, one, other)

    def paths_in(self, net: Network, one: str, other: str) -> int:
        """As `paths`, in a network of some of the trials; strata of one trial are one."""
        place = net.treatments.index
        return int(_paths(net, tuple(self.trials["study"][list(net.studies)]))[place(one), place(other)])

    def direct(self, one: str, other: str) -> pd.DataFrame:
        """The contrasts of two treatments, seen from the first, with columns as `Review.effects` has them."""
        rows = self.data[_are(self.data, one, other)]
        turned = np.where(rows["treat1"] == one, 1.0, -1.0) * rows["effect"].to_numpy(float)
        se = rows["se"].to_numpy(float)
        half = float(ndtri(0.5 + 0.5 * self.net.level)) * se
        known = self.trials.loc[rows["study"]]
        return pd.DataFrame(
            {
                **{name: known[name].to_numpy() for name in ("trial_id", "study", "label", "risk_of_bias")},
                "effect": turned,
                "se": se,
                "variance": se**2,
                "ci_low": turned - half,
                "ci_high": turned + half,
                "n": (rows["n1"] + rows["n2"]).to_numpy(float),
            }
        )

    def lacking(self, one: str, other: str) -> pd.DataFrame:
        """Reports on two treatments, by trials without a contrast that the network can use; study is the trial."""
        rest = missing_trials(self.refused, self.data, "trial_id")
        return rest[_are(rest, one, other)].assign(
            study=lambda rows: rows["trial_id"].map(self.review.protocol.trial_of)
        )

    def without(self, studies: frozenset[str]) -> tuple[Network, ...]:
        """Fit what is left without some trials, each connected part alone."""
        return _refit(self, studies)


def _are(contrasts: pd.DataFrame, one: str, other: str) -> np.ndarray:
    """Which contrasts are of two treatments, whichever stands first."""
    first, second = contrasts["treat1"], contrasts["treat2"]
    return (((first == one) & (second == other)) | ((first == other) & (second == one))).to_numpy(dtype=bool)


@lru_cache(maxsize=64)
def _paths(net: Network, trials: tuple[str, ...]) -> np.ndarray:
    """Independent paths in a network whose studies belong to these trials."""
    arms: dict[str, set[int]] = {}
    for trial, own in zip(trials, net.contrasts.arms, strict=True):
        arms.setdefault(trial, set()).update(own)
    return independent_paths(len(net.treatments), [tuple(sorted(own)) for own in arms.values()])


@lru_cache(maxsize=64)
def _refit(base: NetworkBase, studies: frozenset[str]) -> tuple[Network, ...]:
    rest = base.data[~base.data["study"].isin(studies)]
    net = base.net
    options: dict[str, Any] = {"method": net.method, "level": net.level, "prediction": net.prediction}
    return tuple(network(part, **options) for part in (network_parts(rest) if len(rest) else []))


def comparison_key(net: Network, one: str, other: str) -> str:
    """Name of a comparison in the tables of a network."""
    return " v ".join(sorted((one, other), key=net.treatments.index))


def gather_network(
    review: Review,
    outcome: str,
    window: str,
    *,
    nodes: str = "coarse",
    reference: str | None = None,
    mid: float | None = None,
    **options: Any,
) -> NetworkBase:
    """Fit a network of a review and gather what the rating of its estimates looks at.

    Parameters
    ----------
    review : Review
    outcome, window, nodes : str
        Names in the protocol.
    reference : str, optional
        Treatment against which results are told. Of several parts that no trial connects, the one with it is taken;
        without a reference the largest.
    mid : float, optional
        Important difference in place of the protocol's, in the units of the measure.
    **options
        Fields of `Choices` that differ from the protocol.

    Returns
    -------
    NetworkBase

    Raises
    ------
    DataError
        If a name or option is unknown, no trial has a contrast that can be used, or none has the reference.
    """
    data = network_data(review, outcome, window, nodes=nodes, **options)
    if data.empty:
        raise DataError(f"no trial has numbers on {outcome} in the window {window} that a network can use.")
    parts = network_parts(data)
    part = parts[0]
    if reference is not None:
        held = [part for part in parts if reference in {*part["treat1"], *part["treat2"]}]
        if not held:
            names = ", ".join(sorted({*data["treat1"], *data["treat2"]}))
            raise DataError(f"{reference!r} is in no network of {outcome}, {window}; choose one of {names}.")
        part = held[0]
    model = review.protocol.model
    method = model.method if model.method in METHODS else "REML"
    net = network(part, reference=reference, method=method, level=model.level, prediction=model.prediction)
    own = data[data["study"].isin(net.studies)].reset_index(drop=True)
    fitting = network_data(review, outcome, window, nodes=nodes, **{**options, "indirect": False})
    refused = network_refused(review, outcome, window, nodes=nodes, **options)
    return NetworkBase(
        review, outcome, window, nodes, own, data, net, refused, frozenset(fitting["trial_id"]), mid
    )
