"""The analyses of a review as a script for R and metafor, with their data, and its networks likewise."""

from __future__ import annotations

import math
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd

from evidence.effects.choosing.choices import Choices
from evidence.files import draft, drafts, file_name, inside, write, write_csv
from evidence.measures import measure_of
from evidence.synthesis.networks import ReviewNetwork, review_networks
from evidence.synthesis.rule import rule_of
from evidence.synthesis.synthesis import Synthesis, synthesise
from evidence.tables.review import Review
from evidence.version import __version__

__all__ = [
    "ANALYSES",
    "NETWORKS",
    "NETWORK_VALUES",
    "VALUES",
    "analysis_results",
    "network_results",
    "write_r",
]

ANALYSES, NETWORKS = "analyses", "networks"
"""Names of the scripts; each writes a table ``...-from-r.csv`` to set beside ``...-evidence.csv``."""
VALUES = (
    *("estimate", "se", "ci_low", "ci_high", "p_value", "prediction_low", "prediction_high"),
    *("tau2", "i2", "q", "q_p"),
)
NETWORK_VALUES = (
    *("estimate", "se", "ci_low", "ci_high", "prediction_low", "prediction_high"),
    *("tau2", "i2", "q"),
)
_TESTS = {"z": "z", "t": "t", "HKSJ": "knha", "HKSJ-adhoc": "adhoc", "KR": "KR"}
"""What metafor calls the intervals; it has none by Kenward and Roger, so the script brings its own."""
_STUDY = {
    "study": "study",
    "trial": "trial_id",
    "slab": "label",
    "yi": "effect",
    "vi": "variance",
    "ai": "events_arm",
    "n1i": "n_arm",
    "ci": "events_comparator",
    "n2i": "n_comparator",
    **{
        name: name
        for name in ("arm", "comparator", "instrument", "timepoint_weeks", "derivation", "source_url")
    },
}


def analysis_results(done: list[Synthesis]) -> pd.DataFrame:
    """One row an analysis: analysis, status ("pooled" or "not combined"), k, trials and `VALUES`; ratios as logs."""
    rows = []
    for one in done:
        fit = one.fit
        numbers = {name: math.nan if fit is None else float(getattr(fit, name)) for name in VALUES}
        status = "not combined" if fit is None else "pooled"
        rows.append(
            {"analysis": one.analysis.id, "status": status, "k": one.k, "trials": one.trials, **numbers}
        )
    return pd.DataFrame(rows, columns=["analysis", "status", "k", "trials", *VALUES])


def network_results(networks: list[ReviewNetwork]) -> pd.DataFrame:
    """One row a network and treatment: network, treatment, `NETWORK_VALUES` against the reference; ratios as logs."""
    rows = []
    for one in networks:
        if one.fit is None:
            continue
        whole = {"tau2": one.fit.tau2, "i2": one.fit.i2, "q": one.fit.q}
        for treatment, row in one.fit.relative_to().iterrows():
            own = {name: row[name] for name in NETWORK_VALUES if name not in whole}
            rows.append({"network": one.id, "treatment": treatment, **own, **whole})
    return pd.DataFrame(rows, columns=["network", "treatment", *NETWORK_VALUES])


def write_r(review: Review, output: Path) -> list[Path]:
    """Write the scripts and their data: what is pooled, and how, is read from the same rule as the report's.

    Parameters
    ----------
    review : Review
    output : Path
        Folder of the files; it is made if need be.

    Returns
    -------
    list of Path
        ``analyses.R`` and ``networks.R``, which run by themselves with metafor; ``data``, one CSV an analysis that
        has comparisons and one a network; the results of this package, ``analyses-evidence.csv`` and
        ``networks-evidence.csv``, without rows where there is nothing; and ``README.md``. Nothing of a run before
        is removed.

    Raises
    ------
    DataError
        If the folder cannot be written to; nothing is written then.
    ReportError
        If the disk is full, likewise.
    """
    done = [synthesise(review, name) for name in review.analyses]
    networks = review_networks(review)
    title = _comment(review.protocol.title)
    calls = [text for one in done for text in _analysis(review, one)]
    shown = analysis_results([one for one in done if one.k])
    texts = {
        f"{ANALYSES}.R": _script(title, ANALYSES, calls),
        f"{NETWORKS}.R": _script(title, NETWORKS, [text for one in networks for text in _network(one)]),
        "README.md": _readme(title, shown, networks),
    }
    tables = {
        f"data/{_place(one.analysis.id)}": one.effects.rename(
            columns={old: new for new, old in _STUDY.items()}
        ).reindex(columns=list(_STUDY))
        for one in done
        if one.k
    }
    tables |= {
        f"data/{_place('network-' + one.id)}": one.contrasts for one in networks if one.fit is not None
    }
    tables |= {f"{ANALYSES}-evidence.csv": shown, f"{NETWORKS}-evidence.csv": network_results(networks)}
    with drafts(output) as beside:
        for name, text in texts.items():
            write(beside, name, text)
        inside(beside, "data").mkdir(exist_ok=True)
        for name, table in tables.items():
            with draft(beside / name) as path:
                write_csv(table, path)
    return [output / name for name in [*texts, *tables]]


def _functions(name: str) -> str:
    return files("evidence.report.export.r").joinpath(f"{name}.R").read_text("utf-8")


def _script(title: str, name: str, calls: list[str]) -> str:
    what = "Pools every analysis" if name == ANALYSES else "Fits every network"
    head = [
        f"# {title}",
        "#",
        f"# {what} of the review again with the package metafor; made by evidence {__version__}.",
        f"# Run it in its folder: Rscript {name}.R     It writes {name}-from-r.csv.",
        f'# In R: setwd to its folder, source("{name}.R"); then fits holds what metafor gave, by id.',
        "",
    ]
    end = f'finish("{name}-from-r.csv", "{name}-evidence.csv")'
    return "\n".join([*head, _functions("common"), _functions(name), *calls, end]) + "\n"


def _analysis(review: Review, one: Synthesis) -> list[str]:
    """Write the call for an analysis, under its title; a remark if it has no comparison."""
    head = f"# {_comment(one.analysis.title)} ({one.measure})"
    if not one.k:
        return [head, "# No comparison can be pooled.", ""]
    rule = rule_of(review.protocol, one.analysis, one.measure)
    model = rule.model
    options: dict[str, Any] = {
        "measure": one.measure,
        "method": model["method"],
        "test": _TESTS[model["ci"]],
        "level": model["level"],
        "prediction": model["prediction"],
        "minimum": rule.minimum,
    }
    if rule.counts != "IV" and measure_of(one.measure).of == "events":
        options["counts"] = rule.counts
    if math.isfinite(rule.widest):
        options["widest"] = rule.widest
    if Choices.of(review, {}, analysis=one.analysis).multi_arm == "correlated":
        options["independent"] = False
    if not rule.total:
        options["total"] = False
    why = [] if one.fit is not None else [f"# {_comment(one.note)}"]
    return [head, *why, _call("analyse", one.analysis.id, _place(one.analysis.id), options), ""]


def _network(one: ReviewNetwork) -> list[str]:
    words = f"{one.outcome}, {one.window}, nodes: {one.nodes}".replace("_", " ")
    head = f"# {_comment(words)} ({one.measure})"
    if one.fit is None:
        return [head, f"# Not fitted: {_comment(one.hindrance)}", ""]
    options = {
        "reference": one.fit.reference,
        "method": one.fit.method,
        "level": one.fit.level,
        "prediction": one.fit.prediction,
    }
    return [head, _call("network", one.id, _place("network-" + one.id), options), ""]


def _place(id_: str) -> str:
    return f"{file_name(id_)}.csv"


def _call(function: str, id_: str, place: str, options: dict[str, Any]) -> str:
    parts = [r_literal(id_), r_literal(f"data/{place}")]
    named = [f"{name} = {r_literal(value)}" for name, value in options.items()]
    return f"{function}({', '.join(parts)},\n{' ' * (len(function) + 1)}{', '.join(named)})"


def r_literal(value: object) -> str:
    """Write a text, a number or a truth value as R reads it back; texts in plain ASCII."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return repr(value).replace("inf", "Inf").replace("nan", "NaN")
    plain = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    letters = []
    for letter in str(value).replace("\0", ""):
        code = ord(letter)
        special = not 32 <= code < 127
        letters.append(plain.get(letter) or (f"\\U{code:08x}" if special else letter))
    return f'"{"".join(letters)}"'


def _comment(text: str) -> str:
    """Make one line of a text that is to stand behind a number sign."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _readme(title: str, shown: pd.DataFrame, networks: list[ReviewNetwork]) -> str:
    pooled = int((shown["status"] == "pooled").sum())
    fitted = sum(one.fit is not None for one in networks)
    return f"""# {title}: the analyses in R

- `analyses.R` pools {pooled} analyses with metafor and lists {len(shown) - pooled} that the protocol does not
  combine; `networks.R` fits {fitted} networks with metafor, and with netmeta beside it where that is installed.
- `data/` has the comparisons of each analysis (`yi`, `vi`: effect and sampling variance, intervention minus
  comparator, of ratios the logarithm; `ai`, `n1i`, `ci`, `n2i`: events and patients, where known) and the contrasts
  of each network.
- `analyses-evidence.csv` and `networks-evidence.csv` have the results of the review on the same scale. The scripts
  write `...-from-r.csv` beside them, and say how far the two are apart. The values of networks are there to check the
  computation: those that rest on fewer trials than the protocol combines are no results of the review.

```
Rscript analyses.R
Rscript networks.R
```

R is at <https://cran.r-project.org>; metafor is installed by `install.packages("metafor")`, or on Debian by
`apt install r-cran-metafor`. A result is combined from as many trials as the protocol asks for (`minimum`), and not
shown where its interval goes beyond the scale (`widest`). Bayesian results, which stand beside those of few trials,
are not in the scripts.
"""
