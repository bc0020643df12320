"""Risk of bias: who was judged how, how much of a pooled result rests on it, and what remains without it."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import Any

import pandas as pd

from evidence.effects.choosing.description import NOT_FULLY_JUDGED, overall_risk_of_bias
from evidence.errors import DataError
from evidence.models.pooled import Pooled
from evidence.results import Shown, sentences, table_text
from evidence.synthesis.rule import count_trials, rule_of
from evidence.synthesis.synthesis import POOL_OPTIONS, Synthesis, synthesise
from evidence.tables.bias_tools import NOT_JUDGED, BiasTool, tool_of
from evidence.tables.protocol.protocol import Analysis
from evidence.tables.review import Review
from evidence.wording import counted, number

__all__ = [
    "BiasSensitivities",
    "BiasSensitivity",
    "RiskOfBias",
    "bias_sensitivities",
    "bias_sensitivity",
    "bias_statement",
    "risk_of_bias",
    "unjudged",
]


OVERALL = "overall"


@dataclass(frozen=True, eq=False, repr=False)
class RiskOfBias(Shown):
    """Result of `risk_of_bias`: the judgements of the trials of an analysis, or of a whole review."""

    analysis: Analysis | None
    tool: BiasTool
    trials: pd.DataFrame
    """One row a trial: trial_id, label, weight (percent of the pooled result, NaN without one), the level of each
    domain of the tool or "not judged", judged (number of domains), overall (the worst judgement, see
    `overall_risk_of_bias`; "not judged" where a key domain was not) and by_rule (the tool's own rule, which needs
    every domain)."""

    @property
    def levels(self) -> tuple[str, ...]:
        """Judgements from best to worst, with that for none at the end."""
        return (*self.tool.levels, NOT_JUDGED)

    @property
    def weighted(self) -> bool:
        """Whether there is a pooled result whose weights count."""
        return bool(self.trials["weight"].notna().all()) and not self.trials.empty

    def to_frame(self) -> pd.DataFrame:
        """One row a trial."""
        return self.trials

    def shares(self) -> pd.DataFrame:
        """One row for each domain (the overall judgement last) and level.

        Returns
        -------
        DataFrame
            domain, heading, judgement, trials (number), percent (of the trials) and weight (percent of the weight in
            the pooled result; NaN without one).
        """
        rows = []
        for domain, heading in {**self.tool.domains, OVERALL: "Overall"}.items():
            for level in self.levels:
                held = self.trials[domain] == level
                rows.append(
                    {
                        "domain": domain,
                        "heading": heading,
                        "judgement": level,
                        "trials": int(held.sum()),
                        "percent": 100.0 * held.mean() if len(held) else float("nan"),
                        "weight": self.trials.loc[held, "weight"].sum() if self.weighted else float("nan"),
                    }
                )
        return pd.DataFrame(rows)

    @property
    def note(self) -> str:
        """What was judged and what was not, in words."""
        return self.judged_of(len(self.trials))

    def judged_of(self, trials: int) -> str:
        """What was judged of so many trials, and what was not, in words."""
        judged = int((self.trials["judged"] > 0).sum())
        full = int((self.trials["judged"] == len(self.tool.domains)).sum())
        high = self.trials["overall"] == self.tool.levels[-1]
        share = (
            f" with {number(float(self.trials.loc[high, 'weight'].sum()), 0)}% of the weight"
            if self.weighted
            else ""
        )
        return sentences(
            f"{judged} of {counted(trials, 'trial')} {'is' if judged == 1 else 'are'} judged in at least one domain "
            f"of {self.tool.name}, {full} in all {len(self.tool.domains)}; {int(high.sum())} at high risk{share}.",
            "A domain without a judgement in the sources seen is not judged: it is neither low nor unclear.",
        )

    def summary(self) -> str:
        """Describe the judgements as a text table."""
        heading = self.analysis.title if self.analysis else "All trials with a judgement"
        frame = self.trials.drop(columns="trial_id")
        return table_text(f"Risk of bias ({self.tool.name}): {heading}", frame, self.note)


def risk_of_bias(review: Review, analysis: str | Analysis | Synthesis | None = None) -> RiskOfBias:
    """Gather the judgements on the trials of an analysis, with their weights in its pooled result.

    Parameters
    ----------
    review : Review
    analysis : str, Analysis or Synthesis, optional
        The analysis; without one, all trials of the review that have a judgement, without weights.

    Returns
    -------
    RiskOfBias

    Raises
    ------
    DataError
        If the analysis is unknown or has no poolable trial, the review has no judgement, or a judgement or its
        domain belongs to no tool.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> bias = ev.risk_of_bias(review, "massage-inactive-pain-short")
    >>> type(bias).__name__
    'RiskOfBias'
    """
    table = review.bias_judgements
    tool = tool_of(table["domain"])
    levels: dict[str, dict[str, str]] = {}
    for row in table.to_dict("records"):
        place = f"risk_of_bias.csv, {row['trial_id']}, {row['domain']}"
        level = tool.level(str(row["judgement"]), place)
        levels.setdefault(str(row["trial_id"]), {})[str(row["domain"])] = level
    question, weights = None, dict.fromkeys(review.risk_of_bias["trial_id"], float("nan"))
    if analysis is not None:
        result = analysis if isinstance(analysis, Synthesis) else synthesise(review, analysis)
        question, weights = result.analysis, _weights(result)
    words = overall_risk_of_bias(table, review.protocol.risk_of_bias.key_domains)
    overall = {trial: _as_level(word, tool) for trial, word in words.items()}
    labels = dict(zip(review.trials["trial_id"], review.trials["label"], strict=True))
    rows: list[dict[str, Any]] = []
    for trial in sorted(weights, key=lambda name: str(labels[name])):
        judged = levels.get(trial, {})
        rows.append(
            {
                "trial_id": trial,
                "label": labels[trial],
                "weight": weights[trial],
                **{domain: judged.get(domain, NOT_JUDGED) for domain in tool.domains},
                "judged": len(judged),
                OVERALL: overall.get(trial, NOT_JUDGED),
                "by_rule": tool.overall(judged),
            }
        )
    return RiskOfBias(question, tool, pd.DataFrame(rows))


def _weights(result: Synthesis) -> dict[str, float]:
    """Weight of each trial in the pooled result, in percent; NaN where nothing was pooled."""
    if result.effects.empty:
        raise DataError(f"{result.analysis.id} has no poolable trial whose risk of bias could be shown.")
    weight = pd.Series(float("nan") if result.fit is None else result.fit.weights, index=result.effects.index)
    sums = weight.groupby(result.effects["trial_id"]).sum(min_count=1)
    return {str(trial): float(value) for trial, value in sums.items()}


def _as_level(word: str, tool: BiasTool) -> str:
    """Turn the general words for the middle judgement and for none into the tool's."""
    return {"some concerns": tool.levels[1], NOT_FULLY_JUDGED: NOT_JUDGED}.get(word, word)


def bias_statement(review: Review) -> str:
    """Say how many trials of a review are judged, and how many can be called low by the tool's own rule.

    Examples
    --------
    >>> import evidence as ev
    >>> "trials are judged in at least one domain" in ev.bias_statement(ev.read_review("data"))
    True
    """
    bias, every = risk_of_bias(review), review.protocol.count_trials(review.trials["trial_id"])
    low = int((bias.trials["by_rule"] == "low").sum())
    return (
        f"{bias.judged_of(every)} By the tool's own rule ({bias.tool.rule}), {low} of the judged trials "
        "can be called low."
    )


SETS = {
    "all trials": ("low", "some concerns", NOT_FULLY_JUDGED, NOT_JUDGED, "high"),
    "without high risk": ("low", "some concerns", NOT_FULLY_JUDGED, NOT_JUDGED),
    "only low risk": ("low",),
}
"""Overall judgements, as in the effects' column `risk_of_bias`, that each set of trials holds."""


def unjudged(effects: pd.DataFrame) -> int:
    """Count the trials behind comparisons of which a key domain was not judged, or none."""
    return count_trials(effects[effects["risk_of_bias"].isin([NOT_JUDGED, NOT_FULLY_JUDGED])])


@dataclass(frozen=True, eq=False, repr=False)
class BiasSensitivity(Shown):
    """Result of `bias_sensitivity`: the pooled results of three sets of trials, each part of the one before."""

    analysis: Analysis
    measure: str
    better: str
    """Which direction favours the intervention: "lower" or "higher"."""
    fits: dict[str, Pooled | None]
    """By set; None with fewer trials than the protocol asks for."""
    effects: dict[str, pd.DataFrame]
    """The comparisons of each set."""

    def to_frame(self) -> pd.DataFrame:
        """One row a set.

        Returns
        -------
        DataFrame
            analysis, measure, set, k, trials, n (patients), estimate, se, ci_low, ci_high, p_value, tau2, i2 and
            difference: the estimate minus that of all trials, without an interval, as the sets share trials. Ratios
            are on the log scale. Missing where nothing was pooled.
        """
        whole = self.fits["all trials"]
        rows = []
        for name, fit in self.fits.items():
            effects = self.effects[name]
            row: dict[str, Any] = {
                "analysis": self.analysis.id,
                "measure": self.measure,
                "set": name,
                "k": len(effects),
                "trials": count_trials(effects),
                "n": float(effects["n"].sum(min_count=min(len(effects), 1))),
            }
            for value in ("estimate", "se", "ci_low", "ci_high", "p_value", "tau2", "i2"):
                row[value] = nan if fit is None else getattr(fit, value)
            row["difference"] = nan if fit is None or whole is None else fit.estimate - whole.estimate
            rows.append(row)
        return pd.DataFrame(rows)

    @property
    def note(self) -> str:
        """What the sets hold, and what could not be pooled, in words."""
        risk = self.effects["all trials"]["risk_of_bias"]
        unknown = int(risk.isin([NOT_JUDGED, NOT_FULLY_JUDGED]).sum())
        parts = [
            f"{counted(int((risk == 'high').sum()), 'comparison')} at high risk, {unknown or 'none'} not fully "
            "judged (these stay when trials at high risk leave, and go when only low risk is asked for)."
        ]
        empty = [name for name, fit in self.fits.items() if fit is None]
        if empty:
            parts.append(
                f"Too few trials to combine, or an interval that leaves the scale: {', '.join(empty)}."
            )
        return " ".join(parts)

    def summary(self) -> str:
        """Describe the sets as a text table."""
        columns = ["set", "k", "trials", "estimate", "ci_low", "ci_high", "difference"]
        heading = f"Sensitivity to risk of bias: {self.analysis.title} ({self.measure})"
        return table_text(heading, self.to_frame()[columns], self.note)


def bias_sensitivity(review: Review, analysis: str | Analysis, **overrides: Any) -> BiasSensitivity:
    """Pool all trials, those not at high risk of bias, and those at low risk as far as judged.

    A trial's overall judgement is its worst one (`overall_risk_of_bias`); a trial that was not fully judged is in
    the first two sets and not in the third.

    Parameters
    ----------
    review : Review
    analysis : str or Analysis
    **overrides
        As for `synthesise`.

    Returns
    -------
    BiasSensitivity

    Raises
    ------
    DataError
        If the analysis or an option is unknown.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.bias_sensitivity(review, "massage-inactive-pain-short").to_frame().columns[:3].tolist()
    ['analysis', 'measure', 'set']
    """
    result = synthesise(review, analysis, **overrides)
    model = {name: overrides[name] for name in POOL_OPTIONS if name in overrides}
    rule = rule_of(review.protocol, result.analysis, result.measure, **model)
    fits: dict[str, Pooled | None] = {}
    effects: dict[str, pd.DataFrame] = {}
    for name, held in SETS.items():
        part = result.effects[result.effects["risk_of_bias"].isin(held)].reset_index(drop=True)
        effects[name] = part
        fits[name] = None if result.fit is None else rule.combine(part)[0]
    better = review.protocol.outcomes[result.analysis.outcome].better
    return BiasSensitivity(result.analysis, result.measure, better, fits, effects)


@dataclass(frozen=True, eq=False)
class BiasSensitivities:
    """Every analysis of a review with all trials, without those at high risk of bias, and with those at low risk."""

    each: tuple[BiasSensitivity, ...]

    @property
    def pooled(self) -> list[BiasSensitivity]:
        """Those whose trials can be pooled together."""
        return self._with("all trials")

    def _with(self, name: str) -> list[BiasSensitivity]:
        return [one for one in self.each if one.fits[name] is not None]

    @property
    def largest(self) -> str:
        """Id of the pooled analysis with the most trials."""
        return max(self.pooled, key=lambda one: one.effects["all trials"]["trial_id"].nunique()).analysis.id

    @property
    def table(self) -> pd.DataFrame:
        """One row for each analysis and set, as a page prints it."""
        columns = ["analysis", "measure", "set", "k", "trials", "estimate", "ci_low", "ci_high", "difference"]
        frames = [one.to_frame().assign(analysis=one.analysis.title) for one in self.each]
        return pd.concat(frames, ignore_index=True)[columns]

    @property
    def statement(self) -> str:
        """How many results remain without trials at high risk, and with those at low risk alone, in words."""
        kept, low = self._with("without high risk"), self._with("only low risk")
        clear = [one for one in kept if _excludes_none(one.fits["all trials"])]
        still = [one for one in clear if _excludes_none(one.fits["without high risk"])]
        return (
            f"Of {len(self.pooled)} pooled analyses, {len(kept)} can still be pooled without trials at high risk, "
            f"and {len(low)} with trials at low risk alone. In {len(clear)} of the {len(kept)} the interval of all "
            f"trials excludes no difference; without trials at high risk it still does in {len(still)}."
        )


def _excludes_none(fit: Pooled | None) -> bool:
    """Whether the interval lies on one side of no difference."""
    return fit is not None and (fit.ci_low > 0 or fit.ci_high < 0)


def bias_sensitivities(review: Review) -> BiasSensitivities:
    """Pool each analysis of a review with and without trials at high risk of bias.

    Examples
    --------
    >>> import evidence as ev
    >>> ev.bias_sensitivities(ev.read_review("data")).table.columns[:3].tolist()
    ['analysis', 'measure', 'set']
    """
    return BiasSensitivities(tuple(bias_sensitivity(review, name) for name in review.analyses))
