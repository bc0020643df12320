"""Every reference value beside ours, computed with the code of the tests that read the same JSON files.

Each family gives `Comparison`s: what was computed, by what reference, on which data, and the values of both.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import evidence as ev
from evidence.models.network.regression import network_regression

HERE = Path(__file__).parent


class Comparison(NamedTuple):
    """Values of one quantity, or of one fit, on one data set."""

    function: str
    reference: str
    data: str
    ours: Any
    theirs: Any


def read(name: str) -> Any:
    """Read a file of reference values."""
    return json.loads((HERE / name).read_text(encoding="utf-8"))


@cache
def tests(name: str) -> ModuleType:
    """Import a test file for the functions with which it reads the references; fits that tests made are kept."""
    path = HERE.parent / "tests" / f"{name}.py"
    for loaded in list(sys.modules.values()):
        if getattr(loaded, "__file__", None) == str(path):
            return loaded
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec.loader.exec_module(module)
    return module


def effect_sizes() -> Iterator[Comparison]:
    """Compare `effect_size` with metafor's escalc, and what that lacks with formulas."""
    test, reference = tests("effects/sizes/test_effect_size"), read("effect_size.json")
    for case in reference["cases"]:
        options = {"variance_form": case["variance_form"], **case["options"]}
        try:
            found = ev.effect_size(case["measure"], **test.arguments(case), **options)
        except ev.DataError:  # where escalc gives an infinite value, or none
            continue
        for name in ("effect", "variance"):
            function = f"effect_size ({case['measure']})"
            source = case.get("reference", "metafor")
            yield Comparison(function, source, case["data"], found[name], test.column(case[name]))
    pre_post = tests("effects/sizes/test_pre_post")
    for sd in ("pooled", "separate"):
        found = pre_post.compute(sd)
        for name in ("effect", "variance"):
            source = "formula in R" if sd == "pooled" else "metafor"
            theirs = reference["pre_post"][sd][name]
            yield Comparison("pre_post_smd", source, "morris2008", found[name], theirs)


def pooling() -> Iterator[Comparison]:
    """Compare `pool` and `subgroups` with metafor's rma."""
    test, reference = tests("models/test_pool_reference"), read("pool.json")
    for case in reference["cases"]:
        for name, expected in case["values"].items():
            if expected is not None:
                function = f"pool ({case['method']})"
                yield Comparison(function, "metafor", case["data"], test.value(case, name), expected)
    frame = tests("models/regression/test_subgroups").frame
    for case in reference["subgroups"]:
        options = {name: case[name] for name in ("method", "ci", "common_tau2")}
        found = ev.subgroups(frame(case["data"]), "group", **options)
        for name, expected in case["values"].items():
            within = [getattr(fit, name, None) for fit in found.groups.values()]
            of_groups = isinstance(expected, list) or not hasattr(found, name)
            ours = within if of_groups else getattr(found, name)
            yield Comparison("subgroups", "metafor", case["data"], ours, expected)


def rare_events() -> Iterator[Comparison]:
    """Compare `mantel_haenszel`, `peto` and `glmm` with metafor's rma.mh, rma.peto, rma.glmm and with integration."""
    reference = read("rare.json")
    for case in reference["cases"]:
        function, options = case["function"], case["options"] or {}
        data = reference["data"][case["data"]]
        fit = getattr(ev, function)(*(data[name] for name in "abcd"), **options)
        source = short(case["reference"]) if function == "glmm" else "metafor"
        for name, expected in case["expected"].items():
            place = {"first_weight": 0, "last_weight": -1}.get(name)
            ours = getattr(fit, name) if place is None else fit.weights[place]
            yield Comparison(function, source, case["data"], ours, expected)


def proportions_and_rates() -> Iterator[Comparison]:
    """Compare `glmm` of proportions and rates with rma.glmm of metafor and with integration."""
    reference = read("rates.json")
    for case in reference["cases"]:
        if case["function"] == "glmm":
            measure = case["options"]["measure"]
            fit = ev.glmm(**reference["data"][case["data"]], **case["options"])
            source = "integration in R" if "integration" in case["reference"] else "lme4 through metafor"
            for name, expected in case["expected"].items():
                yield Comparison(f"glmm ({measure})", source, case["data"], getattr(fit, name), expected)
    test = tests("models/test_on_scale")
    for case in test.CASES:
        found, function = test.compute(case), f"on ({case['options']['measure']})"
        for name, expected in case["expected"].items():
            yield Comparison(function, "metafor", case["data"], getattr(found, name), expected)


def short(reference: str) -> str:
    """Give the name by which the table calls a reference."""
    if "integration" in reference:
        return "integration in R"
    return "lme4 and BiasedUrn through metafor" if "lme4" in reference else "metafor"


def regressions() -> Iterator[Comparison]:
    """Compare `regress`, `location_scale` and `permutation_test` with metafor's rma and permutest."""
    test, reference = tests("models/regression/test_result"), read("regression.json")
    for case in reference["cases"]:
        fit = test.fit_case(case["data"], case["formula"], case["method"], case["ci"])
        for name, expected in case["values"].items():
            if not (expected is None or (isinstance(expected, list) and None in expected)):
                yield Comparison("regress", "metafor", case["data"], test.value(fit, name), expected)
    test = tests("models/regression/test_location_scale")
    for number, case in enumerate(test.CASES):
        fit = test.fit_case(number)
        for name, expected in case["values"].items():
            yield Comparison("location_scale", "metafor", case["data"], test.value(fit, name), expected)
    frame = tests("models/regression/test_permutation").frame
    for case in reference["permutations"]:
        data = frame(case["data"], case["rows"])
        fit = ev.regress(case["formula"], data, variance="vi", method=case["method"], ci=case["ci"])
        found = ev.permutation_test(fit, exact=True)
        ours = [*found.coefficients["p_value"], found.qm_p]
        theirs = [*np.atleast_1d(case["values"]["p_value"]), case["values"]["qm_p"]]
        yield Comparison("permutation_test", "metafor", case["data"], ours, theirs)


def dependent_effects() -> Iterator[Comparison]:
    """Compare `multilevel`, `covariance_matrix`, `aggregate` and `robust` with metafor and clubSandwich."""
    test, reference = tests("models/multilevel/test_fit"), read("multilevel.json")
    for number, case in enumerate(reference["cases"]):
        fit = test.fit_case(number)
        for name, expected in case["values"].items():
            if not (
                name.startswith("sigma2_") and fit.method == "ML"
            ):  # profiles, of which REML's are enough
                yield Comparison("multilevel", "metafor", case["data"], test.value(fit, name), expected)
    for case in reference["assumed"]:
        options = dict(case["options"])
        rows = options.pop("rows", list(range(7)))
        columns = {name: np.array(values)[rows] for name, values in reference["frame"].items()}
        options = {name: columns[name] if given is True else given for name, given in options.items()}
        found = ev.covariance_matrix(columns["vi"], columns["cluster"], **options)
        yield Comparison("covariance_matrix", "metafor", "seven effects", found, case["matrix"])
    for case in reference["aggregate"]:
        data = pd.DataFrame(reference["data"][case["data"]])
        options = {name: case[name] for name in ("rho", "weighted") if name in case}
        if "rho" not in case:
            options = {"covariance": reference["covariances"][case["data"]]}
        found = ev.aggregate(data, "study" if "rho" in case else "trial", "yi", "vi", **options)
        for ours, theirs in (("yi", "effect"), ("vi", "variance")):
            yield Comparison("aggregate", "metafor", case["data"], found[ours], case["values"][theirs])
    yield from robust_inference()


def robust_inference() -> Iterator[Comparison]:
    """Compare `robust` with clubSandwich."""
    test, reference = tests("models/regression/test_robust"), read("robust.json")
    for case in reference["cases"]:
        levels = tuple(np.atleast_1d(case.get("levels") or []))
        fit = test.fit_case(
            case["data"], case["formula"], case["model"], levels, case["covariance"], case["method"]
        )
        cluster = reference["data"][case["data"]][case["cluster"]]
        found = ev.robust(fit, cluster, correction=case["correction"])
        for name, expected in case["values"].items():
            ours = (found.covariance if name == "covariance" else found.coefficients[name]).to_numpy()
            function = f"robust ({case['model']})"
            yield Comparison(function, "clubSandwich", case["data"], ours, np.reshape(expected, ours.shape))


def comparisons_of_fits() -> Iterator[Comparison]:
    """Compare `compare_fits` and `linear_contrasts` with metafor's anova and with mvtnorm."""
    test = tests("models/test_comparisons")
    for number, case in enumerate(test.TESTS):
        for ours, theirs in test.compare_values(number).values():
            yield Comparison("compare_fits", "metafor", case["data"], ours, theirs)
    for number, case in enumerate(test.CONTRASTS):
        for name, (ours, theirs) in test.contrast_values(number).items():
            source = "mvtnorm" if name in ("single_step", "critical") else "metafor"
            yield Comparison("linear_contrasts", source, case["data"], ours, theirs)


def bayesian() -> Iterator[Comparison]:
    """Compare `bayes` with numerical integration in R."""
    reference = read("bayes.json")
    for case in reference["cases"]:
        options, data = case["options"], reference["data"][case["data"]]
        sd = options.get("effect_sd")
        fit = ev.bayes(
            data["yi"],
            data["vi"],
            tau_prior=getattr(ev.priors, options["tau_prior"])(**options["tau_arguments"]),
            effect_prior=ev.priors.normal(options["effect_mean"], sd) if sd else None,
        )
        marginals = {"effect": fit.mean_effect, "tau": fit.tau, "prediction": fit.prediction}
        for name, expected in case["expected"].items():
            part, _, what = name.partition("_")
            if part not in marginals:
                ours = fit.probability() if name == "probability" else getattr(fit, name)
            elif what[0].isdigit():
                ours = marginals[part].quantile(float(what))
            else:
                ours = getattr(marginals[part], what)
            yield Comparison("bayes", "integration in R", case["data"], ours, expected)


def diagnostics() -> Iterator[Comparison]:
    """Compare the diagnostics of a pooled fit with metafor's."""
    test = tests("diagnostics/test_diagnostics")
    for case in test.CASES:
        result = test.compute(case, test.fit_of(case))
        for name, expected in case["values"].items():
            ours = np.asarray(getattr(result, name), dtype=float)
            ours = ours[1:] if case["function"] == "cumulative" else ours
            yield Comparison(case["function"], "metafor", case["data"], ours, expected)


def refits() -> Iterator[Comparison]:
    """Compare fits of some of the studies, by every model, with metafor's."""
    test = tests("models/test_refit")
    for case in test.CASES:
        function = "subgroups (common tau2)" if case["what"] == "common_tau2" else case["what"]
        if case["what"] != "common_tau2":
            function += f" ({case['model']})"
        for name, ours in test.compute(case).items():
            yield Comparison(function, "metafor", case["data"], ours, case["values"][name])


def small_study_effects() -> Iterator[Comparison]:
    """Compare tests of asymmetry and corrections for it with metafor, or with least squares in R."""
    test = tests("diagnostics/small_study/test_small_study")
    by_definition = {"pet_peese", "limit_meta", "doi_plot", "harbord", "peters", "debray"}
    for case in test.CASES:
        function, values = case["function"], case["values"]
        reference = "least squares in R" if function in by_definition else "metafor"
        for name, ours in small_study_values(test, case).items():
            if name in values:
                yield Comparison(function, reference, case["data"], ours, values[name])


def small_study_values(test: ModuleType, case: dict[str, Any]) -> dict[str, Any]:
    """Compute what one case asks for, by the names of the reference's values."""
    function, options = case["function"], case["options"]
    if function in ("harbord", "peters", "debray"):
        table = test.REFERENCE["tables"][case["data"]]
        cells = {name: np.array(values, dtype=float) for name, values in table.items()}
        if function != "debray":
            return values_of(getattr(ev, function)(**cells), case)
        keep = (cells["a"] + cells["c"] > 0) & (cells["b"] + cells["d"] > 0)
        cells = {name: values[keep] for name, values in cells.items()}
        fit = ev.pool(**ev.effect_size("OR", **cells, add=0.5, to="only0"))
        return values_of(ev.debray(fit, cells["a"], cells["c"], **options), case)
    if function == "selection_model":
        return selection_values(test, case)
    fit = test.fit_of(case)
    if function == "egger":
        n = None if options["predictor"] in ("sei", "vi") else test.REFERENCE["data"][case["data"]]["n"]
        return values_of(ev.egger(fit, **options, n=n), case)
    if function == "trim_and_fill":
        side = None if options["side"] == "auto" else options["side"]
        result = ev.trim_and_fill(fit, side, options["estimator"])
        parts = {name: result if hasattr(result, name) else result.filled for name in case["values"]}
        return {name: getattr(part, name) for name, part in parts.items() if hasattr(part, name)}
    if function == "pet_peese":
        result = ev.pet_peese(fit, **options)
        return {name: list(vars(getattr(result, name)).values()) for name in ("pet", "peese")}
    return values_of(getattr(ev, function)(fit, **options), case)


def values_of(result: Any, case: dict[str, Any]) -> dict[str, Any]:
    """Take the values by the names of the reference."""
    return {name: getattr(result, name) for name in case["values"]}


def selection_values(test: ModuleType, case: dict[str, Any]) -> dict[str, Any]:
    """Fit of a selection model, where the reference found the same maximum; estimates where it found it exactly."""
    result, values = selection_fit(test, case), case["values"]
    if result is None or result.log_likelihood > values["log_likelihood"] + 1e-6:
        return {}
    names = ["log_likelihood", "unadjusted_log_likelihood", "lrt"]
    if values.get("polished"):
        names += ["estimate", "tau2", "delta"] + ["se"] * ("se" in values and result.tau2 > 0.0)
    return {name: getattr(result, name) for name in names}


def selection_fit(test: ModuleType, case: dict[str, Any]) -> Any:
    """Fit a selection model as the reference did; None where the likelihood has no maximum."""
    data, options = test.REFERENCE["data"][case["data"]], case["options"]
    fit = ev.pool(data["effect"], data["variance"], method=case["method"], ci="z")
    try:
        steps = options["steps"] if options["type"] == "step" else None
        return ev.selection_model(fit, steps, options["type"], alternative=options["alternative"])
    except ev.ModelError:
        return None


def selection_models() -> Iterator[Comparison]:
    """Compare selection models with smooth weights or moderators with metafor's, where it found the same maximum."""
    test = tests("diagnostics/selection/test_reference")
    for number, case in enumerate(test.CASES):
        for ours, theirs in test.compare_values(number).values():
            moderated = "with moderators" if case["moderator"] else "smooth weights"
            yield Comparison(f"selection_model ({moderated})", "metafor", case["data"], ours, theirs)


def influence_on_models() -> Iterator[Comparison]:
    """Compare influence, leaving out and small-study regression of larger models with metafor and clubSandwich."""
    test = tests("diagnostics/test_model_influence")
    for case in test.REFERENCE["cases"]:
        source = "clubSandwich" if case["model"] == "robust" else "metafor"
        for name, ours in test.compute(case).items():
            theirs = np.reshape(np.array(case["values"][name], dtype=float), ours.shape)
            yield Comparison(f"{case['kind']} ({case['model']})", source, case["data"], ours, theirs)


def networks() -> Iterator[Comparison]:
    """Compare networks with netmeta, and with metafor where netmeta's REML leaves covariances out."""
    test = tests("models/network/test_reference")
    for case in test.NETMETA:
        expected, name = case["expected"], case["dataset"]
        if case["analysis"] == "network":
            given = expected["tau2"] if case["method_tau"] == "REML" else None
            net = test.fit(case, method=case["method_tau"], reference=case["reference"], tau2=given)
            for part in ("effects_random", "se_random", "effects_common", "se_common"):
                table, ours = expected[part], getattr(net, part.removesuffix("_random"))
                found = ours.loc[table["rows"], table["cols"]]
                yield Comparison("network", "netmeta", name, found, table["values"])
            for ours, theirs in ((net.tau2, "tau2"), (net.q, "q"), (net.i2 / 100.0, "i2")):
                yield Comparison("network", "netmeta", name, ours, expected[theirs])
            parts, scores = net.decomposition(), pd.Series(expected["p_scores_random"])
            for theirs in ("q_within", "q_between"):
                yield Comparison("decomposition", "netmeta", name, getattr(parts, theirs), expected[theirs])
            small = "undesirable" if name == "smoking" else "desirable"
            yield Comparison("p_scores", "netmeta", name, net.p_scores(small)[scores.index], scores)
        elif case["analysis"] == "split":
            for found, values in test.split_values(case):
                yield Comparison("split", "netmeta", name, found, values)
        elif case["analysis"] == "components":
            model = ev.components(test.fit(case, method="DL"), inactive=case["inactive"])
            parts = ("effects_random", "se_random", "effects_common", "se_common", "tau2", "q_additive")
            for part in (*parts, "q_difference"):
                ours = getattr(model, part.removesuffix("_random"))
                yield Comparison("components", "netmeta", name, ours, expected[part])
    for case in test.METAFOR:
        net = test.fit(test.inputs(case["dataset"]), reference=case["reference"])
        rows, expected = net.relative_to().loc[case["treatments"]], case["network"]
        covariate = dict(zip(map(str, case["studies"]), case["covariate"], strict=True))
        model = network_regression(net, covariate, centre=0.0)
        frame = model.to_frame().loc[[*case["treatments"], "slope: all treatments"]]
        for function, result, table, theirs in (
            ("network", net, rows, case["network"]),
            ("network_regression", model, frame, case["regression_common"]),
        ):
            ours = [result.tau2, result.q, *table["estimate"], *table["se"]]
            expected = [theirs["tau2"], theirs["q"], *theirs["estimate"], *theirs["se"]]
            yield Comparison(function, "metafor", case["dataset"], ours, expected)
    for case in test.PIMETA:
        for function, ours, theirs in test.diagnostic_values(case):
            yield Comparison(function, "pimeta", case["dataset"], ours, theirs)
    test = tests("models/network/rare/test_rare_fit")
    for case in test.REFERENCE["cases"]:
        source = "metafor" if "contrast" in case else "BiasedUrn and optim"
        for name, ours in test.compute(case).items():
            function = f"network_counts ({case['method']})"
            yield Comparison(function, source, case["data"], ours, case["values"][name])


def scales() -> Iterator[Comparison]:
    """Compare effects on their natural scale with metafor's transformations, where a study could have them."""
    test = tests("test_measures")
    for code in test.SHOWN:
        yield Comparison(f"natural scale ({code})", "metafor", "made-up numbers", *test.natural_values(code))


def files_and_examples() -> Iterator[Comparison]:
    """Compare what is pooled from imported files, and the reviews in examples/, with metafor and RevMan."""
    test = tests("tables/importing/test_effects_csv")
    for result in test.IMPORTED:
        with TemporaryDirectory() as folder:
            values = test.imported_values(result, Path(folder))
        yield Comparison("import_effects", "metafor", "fleiss1993", *values)
    test = tests("tables/importing/test_revman")
    for function, reference, ours, theirs in test.pooled_values():
        yield Comparison(function, reference, "fleiss1993", ours, theirs)
    test = tests("docs/test_examples")
    for name in test.EXAMPLES:
        for function, ours, theirs in test.values(name).values():
            yield Comparison(function, "metafor", f"examples/{name}", ours, theirs)


def certainty() -> Iterator[Comparison]:
    """Compare the shares, probabilities and sizes that certainty rests on with formulas in R."""
    test, grade = tests("appraisal/certainty/test_absolute"), tests("appraisal/certainty/test_grade")
    for ours, theirs in test.improved_values():
        yield Comparison("share improved", "base R", "made-up numbers", ours, theirs)
    for ours, theirs in test.beyond_values():
        yield Comparison("probability beyond a threshold", "metafor", "bcg", ours, theirs)
    for ours, theirs in grade.size_values():
        yield Comparison("optimal information size", "base R", "made-up numbers", ours, theirs)


def monitoring() -> Iterator[Comparison]:
    """Compare the boundaries of a sequential analysis with multivariate normal probabilities."""
    test = tests("diagnostics/sequential/test_boundaries")
    for case in test.REFERENCE["cases"]:
        for name, ours in test.values(case).items():
            if name != "spent":
                function = f"sequential ({name} boundary)"
                yield Comparison(function, "mvtnorm", "made-up numbers", ours, case[name])


def without_effects() -> Iterator[Comparison]:
    """Compare combined P values with metap, and the sign test with base R."""
    test = tests("models/test_without_effects")
    for case in test.REFERENCE["cases"]:
        for name, ours in test.values(case).items():
            yield Comparison(
                f"combine_p ({name.split('_')[0]})", "metap", "made-up numbers", ours, case[name]
            )
    for case in test.REFERENCE["signs"]:
        one = ev.effect_direction([1] * case["positive"] + [-1] * case["negative"])
        ours, theirs = [one.p_value, one.ci_low, one.ci_high], [case["p"], *case["wilson"]]
        yield Comparison("effect_direction", "base R", "made-up numbers", ours, theirs)


FAMILIES: dict[str, Callable[[], Iterator[Comparison]]] = {
    "Effect sizes": effect_sizes,
    "Pooling and heterogeneity": pooling,
    "Rare events": rare_events,
    "Proportions and rates": proportions_and_rates,
    "Meta-regression": regressions,
    "Dependent effects": dependent_effects,
    "Comparisons of fits and coefficients": comparisons_of_fits,
    "Bayes": bayesian,
    "Diagnostics": diagnostics,
    "Some of the studies": refits,
    "Small-study effects": small_study_effects,
    "Selection models": selection_models,
    "Influence on models": influence_on_models,
    "Networks": networks,
    "Monitoring boundaries": monitoring,
    "Without effects": without_effects,
    "Natural scales": scales,
    "Files and examples": files_and_examples,
    "Certainty": certainty,
}


class Maxima(NamedTuple):
    """How the maxima of likelihoods compare: numbers of fits."""

    function: str
    same: int
    reference_lower: int
    """Where the reference ends more than 1e-6 below our log-likelihood."""
    reference_without: int
    """Where the reference stops with an error, or at a bound of a likelihood that has no maximum."""
    ours_lower: int


def maxima() -> Iterator[Maxima]:
    """Compare the heights of likelihoods on hard data (pool), and of selection models."""
    for method in ("ML", "REML"):
        gains = []
        for case in read("pool.json")["hard"]:
            reached = case.get(method)
            ours = ev.pool(case["yi"], case["vi"], method=method).log_likelihood
            gains.append(np.nan if reached is None else ours - reached)
        yield count_maxima(f"pool ({method}), hard data", gains)
    test, gains = tests("diagnostics/small_study/test_small_study"), []
    for case in test.cases_of("selection_model"):
        result = selection_fit(test, case)
        height = case["values"]["log_likelihood"]
        gains.append(np.nan if result is None else result.log_likelihood - height)
    yield count_maxima("selection_model", gains)
    test = tests("diagnostics/selection/test_reference")
    gains = [
        test.select(number).log_likelihood - case["values"]["log_likelihood"]
        for number, case in enumerate(test.CASES)
    ]
    yield count_maxima("selection_model, smooth weights or moderators", gains)


def count_maxima(function: str, gains: list[float]) -> Maxima:
    """Count the fits by what our log-likelihood gains on the reference's; NaN where it has none."""
    gain = np.array(gains)
    missing = int(np.isnan(gain).sum())
    higher, lower = int((gain > 1e-6).sum()), int((gain < -1e-5).sum())
    return Maxima(function, gain.size - missing - higher - lower, higher, missing, lower)
