"""Tools that judge the risk of bias of a randomised trial: their domains, judgements and overall rules."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from evidence.errors import DataError, closest

__all__ = ["COCHRANE_2011", "NOT_JUDGED", "ROB_2", "TOOLS", "BiasTool", "tool_of"]

NOT_JUDGED = "not judged"
"""Stands where no source gives a judgement."""


@dataclass(frozen=True, slots=True)
class BiasTool:
    """One tool.

    Attributes
    ----------
    name : str
    source : str
        The publication that defines it.
    domains : dict of str to str
        Name of each domain as tables write it, and as figures show it, in the tool's order.
    levels : tuple of str
        Judgements from best to worst.
    words : dict of str to str
        The level for which each word of a table stands.
    rule : str
        How the domains make the overall judgement.
    """

    name: str
    source: str
    domains: Mapping[str, str]
    levels: tuple[str, str, str]
    words: Mapping[str, str]
    rule: str

    def level(self, judgement: str, place: str = "") -> str:
        """Give the level for which a word stands.

        Raises
        ------
        DataError
            If the tool has no such judgement; the message names `place` and the words it has.
        """
        if judgement not in self.words:
            where = f"{place}: " if place else ""
            raise DataError(
                f"{where}'{judgement}' is no judgement of {self.name}; use {_listed(self.words)}."
            )
        return self.words[judgement]

    def overall(self, levels: Mapping[str, str]) -> str:
        """Apply the overall rule of the tool to the judged domains of one trial.

        Parameters
        ----------
        levels : dict of str to str
            Levels by domain; domains that were not judged are absent.

        Returns
        -------
        str
            The worst level if it is the tool's worst, or if every domain was judged; else `NOT_JUDGED`, because a
            domain without a judgement may be worse. RoB 2 lets the assessors call several domains with some concerns
            together a high risk; that is their decision, and is not made here.
        """
        worst = max(levels.values(), key=self.levels.index, default=NOT_JUDGED)
        complete = set(self.domains) <= set(levels)
        return worst if complete or worst == self.levels[-1] else NOT_JUDGED


COCHRANE_2011 = BiasTool(
    name="Cochrane 2011",
    source="Higgins et al. 2011, BMJ 343, d5928",
    domains={
        "randomisation": "Random sequence generation",
        "allocation_concealment": "Allocation concealment",
        "blinding_participants": "Blinding of participants and personnel",
        "blinding_assessors": "Blinding of outcome assessment",
        "missing_outcomes": "Incomplete outcome data",
        "selective_reporting": "Selective reporting",
        "other": "Other sources of bias",
    },
    levels=("low", "unclear", "high"),
    # Tables that follow the tool loosely write "some" for what lies between low and high.
    words={"low": "low", "unclear": "unclear", "some": "unclear", "high": "high"},
    rule="low if all domains are low, high if any is high, else unclear",
)
ROB_2 = BiasTool(
    name="RoB 2",
    source="Sterne et al. 2019, BMJ 366, l4898",
    domains={
        "randomisation_process": "Randomisation process",
        "deviations": "Deviations from intended interventions",
        "missing_data": "Missing outcome data",
        "measurement": "Measurement of the outcome",
        "reported_result": "Selection of the reported result",
    },
    levels=("low", "some concerns", "high"),
    words={"low": "low", "some": "some concerns", "high": "high"},
    rule="low if all domains are low, high if any is high, else some concerns",
)
TOOLS = (COCHRANE_2011, ROB_2)


def tool_of(domains: Iterable[str]) -> BiasTool:
    """Find the tool to which the domains of a table belong.

    Parameters
    ----------
    domains : iterable of str
        Names of domains, at least one.

    Returns
    -------
    BiasTool

    Raises
    ------
    DataError
        If a domain belongs to no tool, or the domains belong to different ones.
    """
    found = list(dict.fromkeys(domains))
    if not found:
        raise DataError("risk_of_bias.csv has no judgements; add one row for each judged domain of a trial.")
    every = {domain: tool for tool in TOOLS for domain in tool.domains}
    for domain in found:
        if domain not in every:
            close = closest(domain, every)
            hint = f" (did you mean '{close}'?)" if close else ""
            known = "; ".join(f"{tool.name}: {_listed(tool.domains)}" for tool in TOOLS)
            raise DataError(f"risk_of_bias.csv: '{domain}' is no domain of a known tool{hint}; use {known}.")
    tool = every[found[0]]
    for domain in found:
        if domain not in tool.domains:
            raise DataError(
                f"risk_of_bias.csv: '{domain}' is a domain of {every[domain].name}, but '{found[0]}' one of "
                f"{tool.name}; use one tool for the whole table."
            )
    return tool


def _listed(names: Collection[str]) -> str:
    return ", ".join(names)
