from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

import evidence as ev
from evidence.tables.protocol.protocol import Window, read_protocol


@pytest.fixture
def content(small: Any) -> dict[str, Any]:
    """Give the protocol on lullabies as YAML has it."""
    return copy.deepcopy(small.protocol)


def read(tmp_path: Path, content: Any) -> Any:
    path = tmp_path / "review.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
    return read_protocol(path)


def test_analyses_are_entries_by_outcome_and_window(tmp_path: Path, content: dict[str, Any]) -> None:
    protocol = read(tmp_path, content)
    ids = [analysis.id for analysis in protocol.expand()]
    assert ids[:3] == ["singing-crying-short", "singing-crying-long", "singing-sleep-short"]
    assert ids[-2:] == ["added-crying-short", "alone-crying-short"]
    assert len(ids) == 8


def test_words_of_the_file(tmp_path: Path, content: dict[str, Any]) -> None:
    """One name stands for a list of one; an unquoted yes or no is a word, not a truth value."""
    protocol = read(tmp_path, content)
    assert protocol.analyses[0].intervention == ("singing",)
    assert [spec.conditions["rocking"] for spec in protocol.analyses] == ["either", "both_arms", "no"]
    assert protocol.co_components == ("rocking",)
    assert [analysis.title for analysis in protocol.expand()][-2:] == [
        "Singing added to rocking v rocking: crying, short term",
        "Singing without rocking v active: crying, short term",
    ]


def test_window() -> None:
    window = Window.model_validate({"from": 13, "to": 26, "target": 20, "include_from": False})
    assert [window.holds(weeks) for weeks in (12, 13, 13.1, 26, 26.1)] == [False, False, True, True, False]


def test_a_window_without_ends_takes_any_time() -> None:
    window = Window.model_validate({})
    assert all(window.holds(weeks) for weeks in (0.5, 500, float("nan")))
    assert (window.words, window.distance(3)) == ("at any time", 0)
    assert Window.model_validate({"from": 4}).words == "after 4 weeks or more"
    with pytest.raises(ValueError, match="from may not be later than to"):
        Window.model_validate({"from": 5, "to": 4})


def test_an_analysis_may_have_a_model_of_its_own(tmp_path: Path, content: dict[str, Any]) -> None:
    own = {"method": "EE", "counts": "MH", "interval": "z", "level": 0.9}
    content["analyses"][1] |= {"model": own, "label": "by counts"}
    protocol = read(tmp_path, content)
    first, second = (next(a for a in protocol.expand() if a.spec is spec) for spec in protocol.analyses[:2])
    assert protocol.model_of(first) == protocol.model
    model = protocol.model_of(second)
    assert [getattr(model, name) for name in own] == list(own.values())
    assert model.minimum_studies == protocol.model.minimum_studies
    assert second.title.endswith("crying, by counts, short term")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": {"method": "FIXED"}}, "did you mean 'EE'?); choose one of EE, DL, DL2"),
        ({"model": {"interval": "KR", "method": "DL"}}, "the interval KR needs the method REML"),
        ({"model": {"counts": "PETO"}}, "needs the method EE"),
        ({"windows": {"short": {"from": 9, "to": 2, "target": 1}}}, "windows.short"),
    ],
)
def test_models_and_windows_that_cannot_be(
    tmp_path: Path, content: dict[str, Any], change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ev.DataError) as error:
        read(tmp_path, {**content, **change})
    assert message in str(error.value)


def test_the_model_of_an_analysis_has_to_fit_that_of_the_protocol(
    tmp_path: Path, content: dict[str, Any]
) -> None:
    content["analyses"][1]["model"] = {"counts": "PETO"}
    with pytest.raises(ev.DataError, match=r"the model of the analysis .* needs the method EE"):
        read(tmp_path, content)


def test_peto_is_for_odds_ratios(tmp_path: Path, content: dict[str, Any]) -> None:
    """Else the first to pool the analysis would be told so."""
    content["outcomes"]["settled"] = {"measure": "RR", "better": "higher"}
    content["analyses"] = [content["analyses"][0] | {"outcomes": ["settled"], "windows": ["short"]}]
    content["analyses"][0]["model"] = {"method": "EE", "counts": "PETO", "interval": "z"}
    with pytest.raises(
        ev.DataError, match="Peto's method gives odds ratios, not RR; use counts: MH or the measure OR"
    ):
        read(tmp_path, content)
    content["outcomes"]["settled"]["measure"] = "OR"
    assert {
        protocol.model_of(one).counts for protocol in [read(tmp_path, content)] for one in protocol.expand()
    } == {"PETO"}


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    text = "title: a\noutcomes:\n  x: {measure: MD,\n      measure: OR}\n"
    with pytest.raises(ev.DataError, match=r"row 4: .*the key 'measure' stands here and in row 3"):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("change", "messages"),
    [
        (
            {"analyses": [{"id": "x"}]},
            ["analyses.0.intervention", "analyses.0.outcomes", "analyses.0.windows"],
        ),
        ({"colour": "red"}, ["column colour: found 'red'; extra inputs are not permitted"]),
        ({"outcomes": {"crying": {"measure": "WMD"}}}, ["outcomes.crying.measure: found 'WMD'"]),
        (
            {"windows": {"short": {"from": "soon", "to": 2, "target": 1}}},
            ["windows.short.from: found 'soon'"],
        ),
        ({"windows": 3}, ["windows: found '3'"]),
        ({"model": {"level": 95}}, ["model.level: found '95'"]),
        ({"set_aside": [{"reason": "loud"}]}, ["name a trial, an instrument or a result"]),
        ({"analyses": None}, ["analyses"]),
        ({"components": None}, ["components"]),
        ({"analyses": 5}, ["analyses: found '5'"]),
        ({"components": {"studied": 5}}, ["components.studied: found '5'"]),
        ({"components": ["singing"]}, ["components: found"]),
        ({"analyses": [{"id": "x", "conditions": None}]}, ["analyses.0.conditions"]),
        (
            {"comparator_groups": {"inactive": ["quiet"]}},
            ["comparator_groups.inactive: found 'quiet'; use one of"],
        ),
    ],
)
def test_faults_of_a_protocol(
    tmp_path: Path, content: dict[str, Any], change: dict[str, Any], messages: list[str]
) -> None:
    with pytest.raises(ev.DataError) as error:
        read(tmp_path, {**content, **change})
    for message in messages:
        assert message in str(error.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [("windows", "shrot"), ("outcomes", "smiling"), ("intervention", "dancing"), ("comparator", "x")],
)
def test_names_that_are_not_defined(tmp_path: Path, content: dict[str, Any], key: str, value: str) -> None:
    content["analyses"][1][key] = [value]
    with pytest.raises(ev.DataError, match=rf"analyses\.1\.{key}: found '{value}'; use one of"):
        read(tmp_path, content)


def test_identifier_used_twice(tmp_path: Path, content: dict[str, Any]) -> None:
    content["analyses"][1]["id"] = "alone"
    with pytest.raises(ev.DataError, match="two analyses have this id"):
        read(tmp_path, content)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "needs keys such as title"),
        ("- a\n- b\n", "needs keys such as title"),
        ("title: [a\n", "is not well-formed YAML"),
        ("title: a\n\tb: c\n", "row 2: is not well-formed YAML"),
        ("title: \x07\n", "is not well-formed YAML"),
        ("? [a]\n: b\n", "is not well-formed YAML"),
        ("1: a\n", "title"),
        ("title: 2001-99-99\n", ""),
        (f"title: 1\nversion: 0x{'f' * 5000}\n", "row 2: is not well-formed YAML: the number is too large"),
        (f"version: {10**30}\n", "the number is too large"),
        ("title: &a [*a]\n", "*a stands for another place"),
    ],
)
def test_text_that_is_no_protocol(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ev.DataError) as error:
        read(tmp_path, text)
    assert message in str(error.value)


def test_missing_file_and_other_encoding(tmp_path: Path) -> None:
    with pytest.raises(ev.DataError, match=r"review\.yaml: cannot be read: No such file"):
        read_protocol(tmp_path / "review.yaml")
    (tmp_path / "review.yaml").write_bytes("title: M\xfcller".encode("cp1252"))
    with pytest.raises(ev.DataError, match=r"review\.yaml: is not UTF-8"):
        read_protocol(tmp_path / "review.yaml")
