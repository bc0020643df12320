"""Risk of bias: who was judged how, how much of a pooled result rests on it, and what remains without it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from evidence.credibility.show import Shown, sentences, table_text
from evidence.effects.describe import overall_risk_of_bias
from evidence.errors import DataError
from evidence.models.synthesis import Synthesis, synthesise
from evidence.tables.bias_tools import NOT_JUDGED, BiasTool, tool_of
from evidence.tables.protocol import Analysis
from evidence.tables.review import Review
from evidence.wording import counted, number

__all__ = ["RiskOfBias", "risk_of_bias"]

OVERALL = "overall"


@dataclass(frozen=True, eq=False, repr=False)
class RiskOfBias(Shown):
    """Result of `risk_of_bias`: the judgements of the trials of an analysis, or of a whole review."""

    analysis: Analysis | None
    tool: BiasTool
    trials: pd.DataFrame
    """One row a trial: trial_id, label, weight (percent of the pooled result, NaN without one), the level of each
    domain of the tool or "not judged", judged (number of domains), overall (the worst judgement, see
    `overall_risk_of_bias`; "not judged" where too little was seen) and by_rule (the tool's own rule, which needs
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
        for domain, heading in {**self.tool.domains, OVERALL: "Overall, as far as judged"}.items():
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
        k = len(self.trials)
        judged = int((self.trials["judged"] > 0).sum())
        full = int((self.trials["judged"] == len(self.tool.domains)).sum())
        high = self.trials["overall"] == self.tool.levels[-1]
        share = (
            f" with {number(float(self.trials.loc[high, 'weight'].sum()), 0)}% of the weight"
            if self.weighted
            else ""
        )
        return sentences(
            f"{judged} of {counted(k, 'trial')} judged in at least one domain of {self.tool.name}, {full} in all "
            f"{len(self.tool.domains)}; {int(high.sum())} at high risk{share}.",
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
    """
    table = review.risk_of_bias
    tool = tool_of(table["domain"])
    levels: dict[str, dict[str, str]] = {}
    for row in table.to_dict("records"):
        place = f"risk_of_bias.csv, {row['trial_id']}, {row['domain']}"
        level = tool.level(str(row["judgement"]), place)
        levels.setdefault(str(row["trial_id"]), {})[str(row["domain"])] = level
    question, weights = None, dict.fromkeys(levels, float("nan"))
    if analysis is not None:
        result = analysis if isinstance(analysis, Synthesis) else synthesise(review, analysis)
        question, weights = result.analysis, _weights(result)
    overall = {trial: _as_level(word, tool) for trial, word in overall_risk_of_bias(table).items()}
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
    """Turn the general word for the middle judgement into the tool's."""
    return tool.levels[1] if word == "some concerns" else word
