from __future__ import annotations

import numpy as np
import pytest

import evidence as ev
from evidence.errors import DataError
from evidence.figures import choice_importance, specification_curve
from evidence.figures.save import save


@pytest.fixture(scope="module")
def universes(review):
    def make(name, **options):
        if (name, *options) not in kept:
            kept[name, *options] = ev.multiverse(review, name, **options)
        return kept[name, *options]

    kept = {}
    return make


NAMES = ("massage-inactive-pain-short", "manual-inactive-responder-long", "manual-active-pain-long")


@pytest.mark.parametrize("name", NAMES)
def test_nothing_covers_or_leaves(universes, faults, name):
    many = universes(name)
    favours = ("favours treatment", "favours comparator")
    assert faults(specification_curve(many, title=many.analysis.title, favours=favours)) == []
    assert faults(choice_importance(many, title=many.analysis.title)) == []


def test_curve_holds_every_pooled_path_once(universes):
    many = universes(NAMES[0])
    numbers = specification_curve(many).numbers
    pooled = many.paths["estimate"].notna().sum()
    counts = numbers["to_path"] - numbers["from_path"] + 1
    assert counts.sum() == pooled
    assert (numbers["from_path"].to_numpy()[1:] == numbers["to_path"].to_numpy()[:-1] + 1).all()
    assert (np.diff(numbers["estimate"]) >= -1e-6).all()
    for row in many.conclusions.itertuples():
        if row.conclusion in numbers:
            assert (numbers[row.conclusion] * counts).sum() == pytest.approx(row.paths)


def test_curve_shows_ratios_as_ratios(combining_two):
    many = ev.multiverse(combining_two, NAMES[1])
    figure = specification_curve(many)
    assert figure.numbers["estimate"].iloc[0] == pytest.approx(np.exp(many.paths["estimate"].min()))
    assert f"All {len(many):,} paths" in figure.alt_text
    assert "The protocol's own: 1." in figure.alt_text


def test_curve_without_a_path_of_the_protocol(universes):
    many = universes(NAMES[2])
    assert many.default["conclusion"] == "not pooled"
    assert "The protocol's own" not in specification_curve(many).alt_text


def test_curve_of_a_sample(universes):
    many = universes(NAMES[0], limit=5000)
    figure = specification_curve(many)
    assert f"A random sample of {len(many):,} of {many.total:,} paths" in figure.alt_text
    assert choice_importance(many).numbers["total"].isna().all()


def test_files_stay_small(universes, tmp_path):
    paths = save(specification_curve(universes(NAMES[0])), tmp_path / "curve", dpi=200)
    assert max(path.stat().st_size for path in paths) < 400_000


def test_importance_shows_the_table(universes):
    many = universes(NAMES[0])
    figure = choice_importance(many)
    assert figure.numbers is many.importance
    assert many.importance["choice"].iloc[0] in figure.alt_text


def test_nothing_to_draw(universes):
    many = universes("massage-inactive-pain-long")
    with pytest.raises(DataError, match="none of the paths"):
        specification_curve(many)
