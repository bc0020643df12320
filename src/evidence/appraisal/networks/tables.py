"""What a page says of several networks: how they hang together, whether they agree, and whom their trials treated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from evidence.appraisal.networks.findings import NetworkFinding, NetworkFindings
from evidence.effects.choosing.description import overall_risk_of_bias
from evidence.measures import INTERVALS
from evidence.models.network.fit import network_parts
from evidence.tables.bias_tools import NOT_JUDGED
from evidence.wording import capital, counted, in_words, number, p_value, plain

__all__ = [
    "consistency_statement",
    "consistency_table",
    "networks_statement",
    "told_statement",
    "transitivity_table",
]

DISAGREE = 0.05
"""P value below which direct and indirect evidence count as disagreeing."""


def networks_statement(networks: Sequence[NetworkFindings]) -> str:
    """Say of each network how many trials and treatments it has and what can be told, as a list in Markdown.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> said = ev.networks_statement(ev.networks_of(review, ["pain"], ["short"], reference="usual care"))
    >>> said.startswith("- **Pain, short term**: ")
    True
    """
    model, own = networks[0].protocol.model, networks[0].net.ci
    least = in_words(model.minimum_studies)
    narrower = (
        f" Intervals here use the {INTERVALS[own].words}; with few trials they are usually narrower than those of "
        f"pairwise results ({INTERVALS[model.interval].name}), so that the two cannot be compared by their width."
        if own == "z" != model.interval
        else ""
    )
    listed = "\n".join(f"- **{capital(one.title)}**: {_held(one)}" for one in networks)
    return (
        f"{listed}\n\nA result is told where at least {least} trials connect two treatments, each by a way of its "
        "own: the rule for few trials that holds everywhere in this report. Otherwise one trial more or less could "
        "turn the result, however many trials the network has; what the trials found is then shown and not combined."
        f"{narrower}"
    )


def _held(found: NetworkFindings) -> str:
    """How many trials and treatments a network has, those that no trial connects with it, and how many contribute."""
    net, whole, told = found.net, found.source.whole, found.told
    own, treatments = counted(found.trials, "trial"), counted(len(net.treatments), "treatment")
    size = f"{own}, {treatments}"
    if (parts := len(network_parts(whole))) > 1:
        every = counted(found.protocol.count_trials(whole["trial_id"]), "trial")
        nodes = counted(len({*whole["treat1"], *whole["treat2"]}), "treatment")
        size = (
            f"{every}, {nodes}, in {parts} parts that no trial connects; the one with {plain(net.reference)}, of "
            f"{own} and {treatments}, is looked at below"
        )
    reach = _reach(len(told), len(net.treatments) - 1, plain(net.reference))
    counts = f"; {found.contributing} of the {own} contribute to that" if told else ""
    return f"{size}. {reach}{counts}."


def _reach(told: int, others: int, reference: str) -> str:
    """How many of the other treatments can be compared with the reference."""
    if others == 1:
        who = "The one other treatment"
    else:
        first = capital(in_words(told)) if told else "None"
        who = "All other treatments" if told == others else f"{first} of the {others} other treatments"
    can, why = ("can", "") if told else ("cannot" if others == 1 else "can", ": too few trials connect them")
    return f"{who} {can} be compared with {reference}{why}"


def told_statement(findings: Sequence[NetworkFinding]) -> str:
    """Say how many of several comparisons can be told, and list what was found of those, in Markdown.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> found = ev.network_findings(review, "disability", "long", reference="usual care")
    >>> ev.told_statement(found.added("exercise")).partition(",")[0]
    'Of two such comparisons'
    """
    told = [one for one in findings if one.fit is not None]
    count = f"Of {in_words(len(findings))} such comparisons, {in_words(len(told))} can be told.\n\n"
    return count + "\n".join(f"- {one.sentence}" for one in told)


def consistency_table(networks: Iterable[NetworkFindings]) -> pd.DataFrame:
    """Say on how much direct evidence networks rest, and whether direct and indirect evidence agree.

    Returns
    -------
    DataFrame
        One row for each network of as many trials as the protocol combines.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.consistency_table(ev.networks_of(review, ["disability"], ["long"])).columns[:3].tolist()
    ['Outcome', 'Trials in the network', 'Trials that contribute']
    """
    rows = []
    for found in networks:
        if not found.enough:
            continue
        split, both = found.source.pairs, found.both
        rows.append(
            {
                "Outcome": capital(found.title),
                "Trials in the network": found.trials,
                "Trials that contribute": found.contributing,
                "Comparisons": len(split),
                "Without a direct trial": int((split["studies"] == 0).sum()),
                "With one": int((split["studies"] == 1).sum()),
                "With direct and indirect evidence": len(both),
                "Of these disagreeing (P < .05)": int((both["p_value"] < DISAGREE).sum()),
                "P of disagreement in the whole network": p_value(found.source.incoherence_p),
                "I²": f"{number(found.net.i2, 0)}%",
            }
        )
    return pd.DataFrame(rows)


def consistency_statement(networks: Iterable[NetworkFindings]) -> str:
    """Say which networks disagree as a whole beyond chance, as a list in Markdown.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.consistency_statement(ev.networks_of(review, ["disability"], ["long"])).partition(";")[0]
    'No network disagrees as a whole beyond chance'
    """
    told = "\n".join(
        f"- **{capital(found.title)}**: the network as a whole disagrees beyond chance "
        f"({p_value(found.source.incoherence_p)}); its estimates deserve little trust."
        for found in networks
        if found.enough and found.source.incoherence_p < DISAGREE
    )
    return told or "No network disagrees as a whole beyond chance; with few trials the test may miss it."


def transitivity_table(networks: Iterable[NetworkFindings], columns: Mapping[str, str]) -> pd.DataFrame:
    """Set what may change effects beside each other, by comparison: transitivity, as far as a table can show it.

    Parameters
    ----------
    networks : iterable of NetworkFindings
    columns : mapping from str to str
        Columns of the trials of the review that may change effects, and their headings.

    Returns
    -------
    DataFrame
        One row for each outcome and two treatments that trials compare, whether or not the network reaches them.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> networks = ev.networks_of(review, ["pain"], ["short"])
    >>> ev.transitivity_table(networks, {"design": "design"}).columns[4:6].tolist()
    ['years', 'design']
    """
    rows = []
    for found in networks:
        review, data = found.source.review, found.source.whole
        trials = review.trials.set_index("trial_id")
        bias = overall_risk_of_bias(review.bias_judgements, review.protocol.risk_of_bias.key_domains)
        # Both orientations of a comparison are one row.
        pairs = pd.DataFrame(data[["treat1", "treat2"]].apply(sorted, axis=1).tolist(), index=data.index)
        for (one, other), edge in data.groupby([pairs[0], pairs[1]]):
            names = list(dict.fromkeys(edge["trial_id"]))
            known = trials.loc[names]
            years = sorted(set(known["year"].dropna()))
            rows.append(
                {
                    "outcome": capital(found.title),
                    "comparison": capital(f"{plain(str(one))} v {plain(str(other))}"),
                    "trials": found.protocol.count_trials(names),
                    "which": "; ".join(known["label"]),
                    "years": " to ".join(map(str, dict.fromkeys([*years[:1], *years[-1:]]))) or "not stated",
                    **{
                        heading: ", ".join(sorted(set(known[column]) - {""})) or "not stated"
                        for column, heading in columns.items()
                    },
                    "instruments": ", ".join(sorted(set(edge["instrument"]))),
                    "weeks": ", ".join(f"{week:g}" for week in sorted(set(edge["timepoint_weeks"]))),
                    "risk of bias": ", ".join(sorted({bias.get(name, NOT_JUDGED) for name in names})),
                }
            )
    return pd.DataFrame(rows)
