"""Diagnostics of the networks in ../netmeta.json by the Python package pimeta, written to second_opinion.json.

Run in an environment of its own: pip install pimeta==1.1.0; python second_opinion.py
"""

from __future__ import annotations

import json
import sys
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pimeta

HERE = Path(__file__).parent
warnings.simplefilter("ignore")


def diagnose(case: dict[str, Any]) -> dict[str, Any]:
    table = case["input"]
    net = pimeta.netmeta(
        table["effect"],
        table["se"],
        table["treat1"],
        table["treat2"],
        [str(study) for study in table["study"]],
        method_tau="DL",
    )
    designs = pimeta.decomp_design(net)
    measures = pimeta.netmeasures(net, random=True)
    walk = pimeta.netcontrib(net, method="randomwalk")
    return {
        "dataset": case["dataset"],
        "tau_within": designs.tau_within,
        "q_interaction": designs.Q_inc_random["Q"],
        "detached": {row["design"]: [row["Q"], row["df"]] for row in designs.Q_inc_detach},
        "direct_share": measures.proportion,
        "mean_path": measures.meanpath,
        "parallelism": measures.minpar,
        "contributions": {
            "rows": walk.comparisons,
            "cols": walk.directs,
            "values": np.asarray(walk.random).tolist(),
        },
    }


def main() -> None:
    cases = json.loads((HERE.parent / "netmeta.json").read_text(encoding="utf-8"))["cases"]
    first = {case["dataset"]: case for case in reversed(cases) if case["analysis"] == "network"}
    out = {
        "made_with": {"python": sys.version.split()[0], "pimeta": version("pimeta")},
        "cases": [diagnose(first[name]) for name in sorted(first)],
    }
    text = json.dumps(out, indent=1, default=float)
    (HERE / "second_opinion.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
