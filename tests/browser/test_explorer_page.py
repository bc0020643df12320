"""The explorer shows the library's own numbers, for every choice a reader makes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import evidence as ev
from evidence.measures import measure_of
from evidence.report.site.explorer import INTERVALS, METHODS, SAID, said_script, write_explorer
from evidence.report.site.shell import PageEntry
from evidence.report.site.trace import write_trials
from evidence.wording import counted, number

if TYPE_CHECKING:
    from tests.browser.conftest import Watched
    from tests.conftest import SmallReview


def wanted(fit: ev.Pooled, measure: str) -> str:
    one = measure_of(measure)
    values = (one.natural(value) for value in (fit.estimate, fit.ci_low, fit.ci_high))
    estimate, low, high = (number(value, one.digits) for value in values)
    return f"{one.name} {estimate} (95% CI {low} to {high})"


def choose(page: Any, **choices: str) -> None:
    for key, value in choices.items():
        page.select_option(f"#choose-{key}", value)


@pytest.fixture(scope="module")
def explorer(review: ev.Review, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the page of the review as a report does."""
    folder = tmp_path_factory.mktemp("explorer")
    entries = [PageEntry("explorer", "Explore"), PageEntry("trials", "Trials")]
    write_frame(folder)
    write_explorer(review, folder, title="Explorer", entries=entries, traces="trials")
    write_trials(review, folder, title="Explorer", entries=entries)
    name = "manual-inactive-disability-short"
    record = {"findings": [SAID_OF | {"analysis": name}]}
    (folder / SAID).write_text(said_script([(record, "manual-overall")]), "utf-8")
    return folder / "explorer.html"


SAID_OF = {"clause": "It may help", "numbers": "1", "level": "low", "important": 0.2}


def write_frame(folder: Path) -> None:
    templates = Path(ev.__file__).parent / "report/site/templates"
    for name in ("site.css", "site.js"):
        (folder / name).write_bytes((templates / name).read_bytes())
    (folder / "search-index.js").write_text("")


def test_it_opens_with_the_result_of_the_protocol(
    watched: Watched, explorer: Path, review: ev.Review
) -> None:
    page = watched.open(explorer)
    done = next(done for name in review.analyses if (done := ev.synthesise(review, name)).fit)
    assert done.fit is not None
    assert page.inner_text("#answer strong") == wanted(done.fit, done.measure)
    assert page.locator("#plot tr.study").count() == done.k
    assert watched.faults == []


def test_its_numbers_are_the_librarys_whatever_is_chosen(
    watched: Watched, explorer: Path, review: ev.Review
) -> None:
    page = watched.open(explorer)
    random = np.random.default_rng(11)
    fitted = [done for name in review.analyses if (done := ev.synthesise(review, name)).fit]
    for done in random.choice(np.array(fitted, dtype=object), 6, replace=False):
        method, interval = str(random.choice(list(METHODS))), str(random.choice(list(INTERVALS)))
        choose(
            page,
            comparison=done.analysis.comparison,
            outcome=done.analysis.outcome.replace("_", " "),
            window=done.analysis.term or "any time",
            method=method,
            interval=interval,
        )
        effects = done.effects
        model = review.protocol.model_of(done.analysis)
        # Several at once, as far as enough are left to be combined.
        for left in random.permutation(len(effects))[:3]:
            rest = effects.drop(index=done.effects.index[left])
            if rest["study"].nunique() >= model.minimum_studies:
                page.uncheck(f"#keep-{left}")
                effects = rest
        fit = ev.pool(
            effects["effect"], effects["variance"], method=method, ci=interval, prediction=model.prediction
        )
        assert page.inner_text("#answer strong") == wanted(fit, done.measure), (done.analysis.id, method)
        assert page.locator("#plot tr.gone.study").count() == done.k - fit.k
        left_out = f"; {done.k - fit.k} left out" if fit.k < done.k else "."
        assert left_out in page.inner_text("#answer p")
    assert watched.faults == []


def test_ratios_are_shown_as_ratios(watched: Watched, explorer: Path, tmp_path: Path) -> None:
    shutil.copytree(explorer.parent, tmp_path / "site")
    path = tmp_path / "site" / "explorer-data.js"
    head, _, rest = path.read_text("utf-8").partition(" = ")
    data = json.loads(rest.removesuffix(";\n"))
    one = data["analyses"][0]
    data["level"] = 0.9
    one |= {"measure": "RR", "name": "Risk ratio", "unit": "risk ratio", "ratio": True, "digits": 2}
    for study in one["studies"]:
        study |= {name: study[name] / 20 for name in ("effect", "low", "high")}
        study["variance"] /= 400
    path.write_text(f"{head} = {json.dumps(data)};\n", "utf-8")
    page = watched.open(tmp_path / "site" / "explorer.html")
    effect, variance = ([study[name] for study in one["studies"]] for name in ("effect", "variance"))
    model = data["default"]
    fit = ev.pool(effect, variance, method=model["method"], ci=model["interval"], level=0.9)
    assert page.inner_text("#answer strong") == wanted(fit, "RR").replace("95%", "90%")
    assert "RR (90% CI)" in page.inner_text("#plot thead")
    marks = [float(text) for text in page.locator("#plot tr.axis text").all_text_contents()]
    assert min(marks) > 0
    assert 1.0 in marks
    row = one["studies"][0]
    assert number(float(np.exp(row["effect"])), 2) in page.inner_text("#plot tr.study .result")
    assert watched.faults == []


def test_a_link_reproduces_the_state(watched: Watched, explorer: Path, review: ev.Review) -> None:
    name = "manual-inactive-disability-short"
    page = watched.open(explorer, f"#a={name}")
    page.check("#without-high-risk")
    effects = review.effects(name).reset_index(drop=True)
    high = effects[effects["risk_of_bias"] == "high"]
    said = f"({counted(len(high), 'comparison')} of {counted(high['study'].nunique(), 'trial')})"
    assert page.inner_text("label[for=without-high-risk]").endswith(f"trials at high risk of bias {said}")
    kept = effects[effects["risk_of_bias"] != "high"]
    assert 3 <= len(kept) < len(effects)
    for left in kept.index[:2]:
        page.uncheck(f"#keep-{left}")
    choose(page, method="DL", interval="z")
    fit = ev.pool(kept["effect"][2:], kept["variance"][2:], method="DL", ci="z")
    assert page.inner_text("#answer strong") == wanted(fit, "SMD")
    assert page.locator("#plot tr.gone").count() == len(effects) - fit.k
    text, address = page.inner_text("#answer"), page.get_attribute("#link", "href")
    assert address
    again = page.context.new_page()
    again.goto(explorer.as_uri() + address)
    assert again.inner_text("#answer") == text
    assert again.is_checked("#without-high-risk")
    again.close()
    page.click("#back")
    assert page.locator("#plot tr.gone").count() == 0


def test_certainty_and_the_band_are_named(watched: Watched, explorer: Path) -> None:
    page = watched.open(explorer, "#a=manual-inactive-disability-short")
    assert "low" in page.inner_text("#certainty")
    assert "other choices were not rated" not in page.inner_text("#certainty")
    assert "Shaded: differences too small to matter (−0.20 to 0.20)" in page.inner_text("#plot tfoot")
    page.uncheck("#keep-0")
    assert "other choices were not rated" in page.inner_text("#certainty")


@pytest.mark.parametrize("width", [390, 768, 1440])
def test_labels_fit(watched: Watched, explorer: Path, width: int) -> None:
    page = watched.open(explorer, "#a=manual-inactive-disability-short")
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("#plot").evaluate("one => one.scrollWidth - one.clientWidth") <= 1
    cut = page.locator("#plot .name, #plot .arms, #plot .result").evaluate_all(
        "all => all.filter((one) => one.scrollWidth > one.clientWidth + 1 && one.clientWidth).length"
    )
    assert cut == 0


def test_rows_lead_to_how_their_effects_were_worked_out(watched: Watched, explorer: Path) -> None:
    page = watched.open(explorer)
    link = page.locator("#plot th a").first
    name = link.inner_text()
    link.click()
    page.wait_for_load_state()
    assert page.inner_text("h1") == name
    assert page.locator("ol.steps li").count() > 0


@pytest.mark.parametrize(
    "evil", ["<img src=x onerror=alert(1)>", "</script><script>alert(2)</script>", '"><svg onload=alert(3)>']
)
def test_a_script_in_the_name_of_a_study_does_not_run(
    watched: Watched, filled: SmallReview, tmp_path: Path, evil: str
) -> None:
    filled.rows["trials"][0] |= {"label": evil, "citation": evil, "notes": evil}
    filled.rows["arms"][0] |= {"label": evil}
    review, entries = filled.read(), [PageEntry("explorer", "Explore"), PageEntry("trials", "Trials")]
    write_frame(tmp_path)
    write_explorer(review, tmp_path, title=evil, entries=entries, traces="trials")
    write_trials(review, tmp_path, title=evil, entries=entries)
    for name in ("explorer.html", "trials.html", "trials/ava.html"):
        page = watched.open(tmp_path / name)
        page.wait_for_timeout(100)
        assert page.locator("img").count() == 0
        assert evil in page.inner_text("main")
    assert watched.faults == []
