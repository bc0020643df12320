"""A page for each trial: how each of its effects was worked out, from the place in the publication to the weight."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import compress
from pathlib import Path
from typing import Any

import pandas as pd

from evidence.appraisal.risk_of_bias import overall_risk_of_bias
from evidence.effects.choosing.inventory import whole_trials
from evidence.files import file_name, write
from evidence.measures import Measure, measure_of
from evidence.report.site.arrange import signs
from evidence.report.site.search import Section, whole_page
from evidence.report.site.shell import LOOK_UP, PageEntry, page, templates
from evidence.synthesis.synthesis import Synthesis, as_declared
from evidence.tables.agreement import READERS
from evidence.tables.bias_tools import NOT_JUDGED
from evidence.tables.notes import plain_notes
from evidence.tables.protocol.questions import questions
from evidence.tables.review import Review
from evidence.wording import Listed, capital, column_words, interval, joined, number

__all__ = ["FOLDER", "TrialBody", "derivation_steps", "effect_words", "trial_bodies", "write_trials"]

FOLDER = "trials"
"""Folder of the pages, under the root of the site."""
SCRIPT = "trials.js"
STYLE = "trials.css"
_NUMBERS = {
    "arm_results": (
        *("n", "mean", "sd", "se", "ci_low", "ci_high", "median", "q1", "q3", "correlation"),
        *("events", "person_time"),
    ),
    "contrast_results": (
        "measure",
        "estimate",
        "ci_low",
        "ci_high",
        "ci_level",
        "se",
        "p_value",
        "n_arm",
        "n_comparator",
    ),
}
_FIELDS = {
    "n": "patients",
    "sd": "SD",
    "se": "SE",
    "ci_low": "CI from",
    "ci_high": "CI to",
    "ci_level": "level in percent",
    "q1": "first quartile",
    "q3": "third quartile",
    "person_time": "in a time at risk of",
    "p_value": "P",
    "n_arm": "patients in the first group",
    "n_comparator": "in the second",
}
"""How columns are named on the page, where not by their own names."""
_READ = _FIELDS | {
    "row": "this result",
    "n_comparator": "patients in the second group",
    "p_operator": "sign of P",
    "timepoint_weeks": "weeks",
    "arm_id": "first group",
    "comparator_arm_id": "second group",
}
"""The same where a column stands alone, as one that readers compared."""
_STATISTICS = {"post": "final scores", "change": "change from baseline", "count": "numbers of patients"}
_AT_BASELINE = "scores at baseline"
"""What final scores are called in week 0."""
_PAIR = re.compile(r"\[(\w+) v (\w+)\]")
"""Two readers who are not the first and the second, beside a field that they compared."""
_WITH = re.compile(r"\(v (\w+)\)")
"""A further reader, with whom the first was compared who read the result."""
_ALONE = re.compile(r"\((\w+) only\)")
"""A reader who alone has the result."""
_AS_IT_STANDS = (
    *(
        "trial_id",
        "statistic",
        "as_reported",
        "source_url",
        "source_kind",
        "locator",
        "readers",
        "status",
    ),
)


def write_trials(review: Review, site: Path, *, title: str, entries: Sequence[PageEntry]) -> list[Section]:
    """Write ``trials.html``, a list of all trials, and a page for each trial in the folder ``trials``.

    Parameters
    ----------
    review : Review
    site : Path
        Folder of the site.
    title : str
        Title of the site.
    entries : sequence of PageEntry
        The navigation; that of the list is named "trials".

    Returns
    -------
    list of Section
        What the search finds on the pages of the trials, in the order of their ids.
    """
    for name in (STYLE, SCRIPT):
        write(site, name, (Path(__file__).with_name("templates") / name).read_text("utf-8"))
    frame = partial(page, active="trials", site=title, entries=entries, styles=(STYLE,))
    done = {name: as_declared(review, name) for name in review.analyses}
    bodies = trial_bodies(review, done.values())
    places = [PageEntry(f"{FOLDER}/{file_name(trial)}", body.label) for trial, body in bodies.items()]
    near = [
        entry for entry in entries if entry.group in ("", LOOK_UP)
    ]  # a page that is one of very many is short
    for place, (trial, body) in enumerate(bodies.items()):
        beside = (
            (places[place - 1] if place else None),
            (places[place + 1] if place + 1 < len(places) else None),
        )
        shown = frame(body.label, body.html, root="../", entries=near, beside=beside)
        write(site, f"{FOLDER}/{file_name(trial)}.html", shown)
    listed, asked = _listed(review, done)
    lead = _LEAD + _STRATA * bool(review.protocol.strata)
    table = (
        templates()
        .get_template("trials.html")
        .render(trials=listed, questions=asked, folder=FOLDER, file_name=file_name)
    )
    write(
        site,
        "trials.html",
        frame("All trials", table, toc=False, lead=lead, scripts=(SCRIPT,), kind="trials"),
    )
    return [
        whole_page(f"{FOLDER}/{file_name(trial)}", body.label, body.html)
        for trial, body in sorted(bodies.items())
    ]


def _listed(review: Review, done: Mapping[str, Synthesis]) -> tuple[list[dict[Any, Any]], list[str]]:
    """Give what the list says of each trial, and the titles of the questions, by their places in that list."""
    asked = questions(review.protocol)
    named: dict[str, set[int]] = {}
    for place, question in enumerate(asked):
        for analysis in question.analyses:
            one = done[analysis.id]
            for trial in (*one.effects["study"], *one.reported["study"]):
                named.setdefault(str(trial), set()).add(place)
    risks = overall_risk_of_bias(review.bias_judgements, review.protocol.risk_of_bias.key_domains)
    arms = _by_trial(review.arms.to_dict("records"))
    parts = {one.whole: one.parts[0] for one in review.protocol.strata}
    held = set(review.trials["trial_id"])
    listed = []
    for row in whole_trials(review).to_dict("records"):
        study = str(row["trial_id"])
        name = study if study in held else parts[study]  # of a whole without a row a stratum stands for it
        groups = dict.fromkeys(
            str(arm["components"]).replace("+", " + ").replace("_", " ") for arm in arms.get(name, [])
        )
        year = row["year"]
        row |= {
            "trial_id": name,
            "year": "" if pd.isna(year) else f"{float(year):.0f}",
            "people": number(float(row["n_randomised"]), 0),
            "comparison": " v ".join(filter(None, groups)),
            "risk": risks.get(name, NOT_JUDGED),
            "questions": sorted(named.get(study, ())),
        }
        listed.append(row)
    return listed, [question.title for question in asked]


_LEAD = (
    "<p>Every trial of the tables. Each name leads to what the trial reported, where it stands, and how each effect "
    "follows from it.</p>"
)
_STRATA = "<p>Strata with results of their own count as one trial, whose page leads to theirs.</p>"


@dataclass(frozen=True, slots=True)
class TrialBody:
    """The page of a trial: its label, plain text, and what stands under it, as HTML with every text escaped."""

    label: str
    html: str


def trial_bodies(review: Review, done: Iterable[Synthesis] | None = None) -> dict[str, TrialBody]:
    """Write the pages of all trials.

    Parameters
    ----------
    review : Review
    done : iterable of Synthesis, optional
        The analyses of the review, if they are at hand.

    Returns
    -------
    dict of str to TrialBody
        By id of the trial, in the order of the table of trials.
    """
    # Each table is gone through once, not once a trial.
    done = [as_declared(review, name) for name in review.analyses] if done is None else list(done)
    arm_names = {
        str(trial): dict(zip(rows["arm_id"], rows["label"], strict=True))
        for trial, rows in review.arms.groupby("trial_id")
    }
    uses = _by_trial(use for one in done for use in _uses(one, arm_names, review.protocol.model.level))
    refusals = _by_trial(refusal for one in done for refusal in _refusals(one, plain_notes(review)))
    results = _by_trial(result for table in _NUMBERS for result in _results(review, table, arm_names))
    arms, bias = (
        _by_trial(getattr(review, table).to_dict("records")) for table in ("arms", "bias_judgements")
    )
    labels = dict(zip(review.trials["trial_id"], review.trials["label"], strict=True))
    kin = {name: [one for one in names if one != name] for names in _strata(review) for name in names}
    shared = _shared(review, labels)
    template = templates().get_template("trial.html")
    bodies = {}
    for trial in review.trials.to_dict("records"):
        name = str(trial["trial_id"])
        parts = {"uses": uses, "refusals": refusals, "arms": arms, "results": results, "bias": bias}
        shown = {part: rows.get(name, []) for part, rows in parts.items()}
        strata = [(file_name(one), labels[one]) for one in kin.get(name, [])]
        bodies[name] = TrialBody(
            str(trial["label"]),
            template.render(
                trial=trial,
                facts=_facts(trial, plain_notes(review)) | shared.get(name, {}),
                strata=strata,
                **shown,
            ),
        )
    return bodies


def _strata(review: Review) -> Iterator[list[str]]:
    """Give the trials of the table that are one trial: the whole and its strata."""
    held = set(review.trials["trial_id"])
    for one in review.protocol.strata:
        yield [name for name in (one.whole, *one.parts) if name in held]


def _by_trial(rows: Iterable[dict[Any, Any]]) -> dict[str, list[dict[Any, Any]]]:
    found: dict[str, list[dict[Any, Any]]] = {}
    for row in rows:
        found.setdefault(str(row["trial_id"]), []).append(row)
    return found


def _facts(trial: dict[Any, Any], plain: Callable[[str], str]) -> dict[str, str]:
    named = {
        "Design": trial["design"],
        "Patients": trial["population"],
        "Randomised": number(float(trial["n_randomised"]), 0),
        "Country": trial["country"],
        "Registration": trial["registration"],
        "Notes": plain(str(trial["notes"])),
    }
    return {name: str(value) for name, value in named.items() if value}


def _shared(review: Review, labels: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Say of each trial with which others it may share patients."""
    found = {}
    for group in review.protocol.same_patients:
        for name in group.trials:
            others = joined(labels[one] for one in group.trials if one != name)
            once = "an analysis takes the first of them that has a result"
            found[name] = {"Same patients": f"perhaps those of {others} ({group.reason}): {once}"}
    return found


def derivation_steps(derivation: Listed, arms: Mapping[str, str] | None = None) -> list[str]:
    """Write the steps of the derivation of an effect.

    Parameters
    ----------
    derivation : Listed
        A cell of the column `derivation` of the effects of an analysis.
    arms : mapping from str to str, optional
        Names of the arms of the trial by their ids.

    Returns
    -------
    list of str
        Plain texts with true minus signs, each from a capital letter on unless it begins with a sign such as g.
    """
    return [capital(signs(step.naming(arms or {}))) for step in derivation.parts]


def effect_words(effect: Mapping[Any, Any] | pd.Series, measure: Measure, level: float) -> str:
    """Write a row of the effects of an analysis with its interval, as the measure is shown."""
    values = [measure.told(effect[key]) for key in ("effect", "ci_low", "ci_high")]
    return interval(*values, digits=measure.digits, level=level, ratio=measure.keeps_small, sign=measure.sign)


def _uses(one: Synthesis, arms: Mapping[str, Mapping[str, str]], level: float) -> Iterator[dict[str, Any]]:
    """Give the effects in one analysis, each with its steps and its weight."""
    weights = one.fit.weights if one.fit else [math.nan] * len(one.effects)
    measure = measure_of(one.measure)
    for row, weight in zip(one.effects.to_dict("records"), weights, strict=True):
        yield {
            "trial_id": row["trial_id"],
            "analysis": one.analysis.id,
            "title": one.analysis.title,
            "effect": f"{measure.name} {effect_words(row, measure, level)}",
            # A name that says the unit is not said again; ratios carry the scale of their logarithms.
            "unit": "" if measure.ratio or row["unit"] == measure.name.lower() else row["unit"],
            "weight": f"weight {number(float(weight), 1)}%" if math.isfinite(weight) else "not pooled",
            "steps": derivation_steps(row["derivation"], arms.get(str(row["trial_id"]))),
            "assumptions": row["assumptions"],
            "result_ids": row["result_ids"].parts,
            "source": row["source"],
            "source_url": row["source_url"],
        }


def _refusals(one: Synthesis, plain: Callable[[str], str]) -> Iterator[dict[str, str]]:
    """Give the comparisons that bear on an analysis but could not be used, with the reasons."""
    for row in one.reported.to_dict("records"):
        yield {
            "trial_id": row["trial_id"],
            "title": one.analysis.title,
            "arms": " v ".join(filter(None, (row["arm"], row["comparator"]))),
            "reason": signs(plain(str(row["reason"]))),
        }


def _results(review: Review, table: str, arms: Mapping[str, Mapping[str, str]]) -> Iterator[dict[str, Any]]:
    """Give the rows that hold what the trials reported, as they stand in the tables."""
    agreed = review.agreement[review.agreement["table"] == table]
    readings: dict[str, list[dict[Any, Any]]] = {}
    for reading in agreed.to_dict("records"):
        readings.setdefault(str(reading["result_id"]), []).append(reading)
    frame, plain = getattr(review, table), plain_notes(review)
    for place, row in zip(frame.index, frame.to_dict("records"), strict=True):
        names = arms.get(str(row["trial_id"]), {})
        groups = [row[key] for key in ("arm_id", "comparator_arm_id") if key in row]
        read = _readings(readings.get(str(row["result_id"]), []), str(row["readers"]), names)
        same = [len({_value(one) for one in (*field.seen.values(), field.kept)}) == 1 for field in read]
        differing = [field for field, alike in zip(read, same, strict=True) if not alike]
        readers = str(row["readers"])
        yield {
            "id": row["result_id"],
            "file": f"{table}.csv",
            "row": place,
            "who": " v ".join(str(names.get(group, group)) for group in groups),
            "what": f"{review.protocol.outcome_title(str(row['outcome']))}, {row['instrument']}".replace(
                "_", " "
            ),
            "weeks": "" if _missing(row["timepoint_weeks"]) else f"{row['timepoint_weeks']:.12g}",
            "numbers": _numbers(table, row),
            "same": list(compress(read, same)),
            "differing": differing,
            "seen_by": list(dict.fromkeys((*READERS, *(who for field in differing for who in field.seen)))),
            "kind": _kind(row),
            **{key: row[key] for key in _AS_IT_STANDS},
            "note": plain(str(row["note"])),
            "readers": f"{'readers' if len(readers) > 1 else 'reader'} {joined(readers)}" if readers else "",
        }


def _numbers(table: str, row: Mapping[Any, Any]) -> dict[str, str]:
    """Name the numbers of a result: an estimate by its measure, an interval as one."""
    told = {key: _plain(key, row) for key in _NUMBERS[table] if not _missing(row.get(key))}
    names, level = dict(_FIELDS), told.pop("ci_level", "")
    names["estimate"] = told.pop("measure", "estimate")
    if {"ci_low", "ci_high"} <= told.keys():
        names["ci_low"] = f"{level}% CI" if level else "CI"
        told["ci_low"] += f" to {told.pop('ci_high')}"
    return {names.get(key, key): text for key, text in told.items()}


@dataclass(slots=True)
class _Read:
    """A field of a result, in words: what each reader saw who was compared, what was kept, whether they agree."""

    field: str
    seen: dict[str, str]
    kept: str
    agreed: str


def _readings(rows: Iterable[Mapping[Any, Any]], readers: str, arms: Mapping[str, str]) -> list[_Read]:
    """Gather what readers saw of a result, one of each field: two comparisons of it may stand in the table."""
    found: dict[tuple[str, str], _Read] = {}
    for row in rows:
        name, _, which = str(row["field"]).partition(" ")
        words = _STATISTICS if name == "statistic" else arms if name.endswith("arm_id") else {}
        first, second, kept = (
            words.get(str(row[key]), str(row[key])) for key in ("value_a", "value_b", "consensus")
        )
        seen = dict(zip(READERS, (first, second), strict=True))
        if pair := _PAIR.fullmatch(which):
            seen, which = {pair[1]: first, pair[2]: second}, ""
        elif one := _WITH.fullmatch(which):
            seen, which = {readers[:1] or READERS[0]: first, one[1]: second}, ""
        elif one := _ALONE.fullmatch(which):
            seen, which = seen | {one[1]: "present"}, ""
        field = f"{_READ.get(name, column_words(name))} {which.replace('_', ' ')}".rstrip()
        here = found.setdefault((field, kept), _Read(field, {}, kept, "yes"))
        here.seen |= seen
        here.agreed = "no" if "no" in (here.agreed, row["agreed"]) else "yes"
    return list(found.values())


def _kind(row: Mapping[Any, Any]) -> str:
    """Say what the numbers of a result are."""
    kind = str(row["statistic"])
    return _AT_BASELINE if kind == "post" and row["timepoint_weeks"] == 0 else _STATISTICS.get(kind, kind)


def _value(text: str) -> float | str:
    """What a text of a table says: 44.0 is 44."""
    try:
        return float(text)
    except ValueError:
        return text


def _missing(value: Any) -> bool:
    return value == "" or value is None or (isinstance(value, float) and math.isnan(value))


def _plain(key: str, row: Mapping[Any, Any]) -> str:
    value = row[key]
    if key == "measure":
        return measure_of(str(value)).name.lower()
    text = signs(f"{value:.12g}" if isinstance(value, float) else str(value))
    bound = key == "p_value" and row["p_operator"] in ("<", ">")
    return f"{row['p_operator']} {text}" if bound else text
