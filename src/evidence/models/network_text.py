"""The text of a network meta-analysis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evidence.models.text import number, p_text, q_text, span

if TYPE_CHECKING:
    from evidence.models.network_result import Network

__all__ = ["describe", "remarks"]


def describe(net: Network) -> str:
    """Describe a fit: effects against the reference, heterogeneity and what to know."""
    if net.method == "EE":
        model = "common effects"
    else:
        model = f"random effects, tau2 {'given' if net.tau2_given else 'by ' + net.method}"
    width = max(len(name) for name in net.treatments) + 2
    lines = [
        f"Network meta-analysis, {model} ({net.k} studies, {len(net.treatments)} treatments)",
        "",
        f"  {'v ' + net.reference:<{width}}{'estimate':>10}   {100 * net.level:g}% interval",
    ]
    for name, row in net.relative_to().iterrows():
        limits = span(row["ci_low"], row["ci_high"])
        lines.append(
            f"  {name:<{width}}{number(row['estimate']):>10}   {limits:<22} P {p_text(row['p_value'])}"
        )
    lines += ["", f"  tau2 {number(net.tau2)}"]
    if net.q_df:
        lines.append(f"  Q {q_text(net.q)}, df = {net.q_df}, P {p_text(net.q_p)}; I2 {net.i2:.1f}%")
    return "\n".join([*lines, *(["", net.note] if net.note else [])])


def remarks(net: Network) -> str:
    """Say what a reader should know about a fit, in plain sentences; empty if there is nothing."""
    notes = list(net.contrasts.notes)
    if not net.q_df:
        notes.append("No effect is estimated twice, so heterogeneity and inconsistency cannot be judged.")
    elif net.method != "EE" and not net.tau2_given and net.tau2 == 0.0:
        notes.append("The estimate of tau2 is on its boundary, zero.")
    return " ".join(notes)
