"""Results of a review beside published ones."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import evidence as ev
from evidence.errors import DataError
from evidence.tables.review import Review


def test_own_rows_are_the_pooled_results(review: Review) -> None:
    table = ev.beside_published(review)
    own = table[table["kind"] == "this review"].reset_index(drop=True)
    asked = [(group, name) for group in review.protocol.published for name in group.analyses]
    assert len(own) == len(asked)
    for (group, name), row in zip(asked, own.to_dict("records"), strict=True):
        options = {"measure": group.measure} if group.measure else {}
        result = ev.synthesise(review, name, **options)
        other = result.measure != review.protocol.pooled_measure(review.analyses[name])
        assert row["note"].startswith("By standardised mean difference, as published; this review") == other
        assert row["group"] == group.group
        assert row["k"] == result.k
        if result.fit is None:
            assert np.isnan(row["estimate"])
            assert "Not combined" in row["note"]
        else:
            assert row["estimate"] == result.fit.estimate
            assert (row["ci_low"], row["ci_high"]) == (result.fit.ci_low, result.fit.ci_high)


def test_the_windows_of_both_sides_are_said(review: Review) -> None:
    table = ev.beside_published(review)
    own = table[table["kind"] == "this review"]
    long = own[own["comparison"].str.endswith("long term")]
    assert (long["label"] == "This review, long term (26 to 78 weeks)").all()
    assert (own["label"].str.contains("weeks", regex=False)).all()
    theirs = table[(table["kind"] == "published") & (table["timeframe"] != "")]
    assert all(row["timeframe"] in row["label"] for row in theirs.to_dict("records"))
    assert theirs["label"].str.endswith("long term (6-12 months)").any()


def test_published_rows_are_as_printed_or_turned(review: Review) -> None:
    table = ev.beside_published(review)
    turned = table[table["note"].str.startswith("sign turned")]
    why = dict(zip(turned["label"].str[:6], turned["note"].str.partition(": ")[2], strict=True))
    assert why["Hayden"] == why["Gonzal"] == "the source compares the other way round"
    assert why["SMT me"] == "the source counts benefit as positive"
    for group in review.protocol.published:
        for match in group.reviews:
            rows = review.reviews
            for column, value in match.where.items():
                rows = rows[rows[column] == value]
            for source in rows.to_dict("records"):
                shown = table[(table["group"] == group.group) & (table["source_url"] == source["source_url"])]
                shown = shown[np.isclose(shown["estimate"].abs(), abs(source["estimate"]))]
                assert len(shown) >= 1
                sign = -1 if match.turn else 1
                assert (shown["estimate"] == sign * source["estimate"]).any()
                low, high = sorted([sign * source["ci_low"], sign * source["ci_high"]])
                if np.isfinite(low):
                    assert ((shown["ci_low"] == low) & (shown["ci_high"] == high)).any()


def test_options_reach_the_own_results(review: Review) -> None:
    default, wald = ev.beside_published(review), ev.beside_published(review, ci="z")
    pooled = (default["kind"] == "this review") & default["estimate"].notna()
    assert (wald.loc[pooled, "ci_low"] != default.loc[pooled, "ci_low"]).any()
    assert wald.loc[~pooled, "ci_low"].equals(default.loc[~pooled, "ci_low"])


def test_ratios_stand_on_the_scale_on_which_they_are_published(review: Review) -> None:
    group = review.protocol.published[0].model_copy(
        update={"analyses": ("manual-inactive-responder-short",), "measure": None}
    )
    # Only two trials report it, which the protocol shows and does not combine.
    model = review.protocol.model.model_copy(update={"minimum_studies": 2})
    protocol = review.protocol.model_copy(update={"published": (group,), "model": model})
    review = dataclasses.replace(review, protocol=protocol)
    own = ev.beside_published(review).iloc[0]
    fit = ev.synthesise(review, "manual-inactive-responder-short").fit
    assert fit is not None
    assert own["measure"] == "RR"
    np.testing.assert_allclose(
        [own["estimate"], own["ci_low"], own["prediction_high"]],
        np.exp([fit.estimate, fit.ci_low, fit.prediction_high]),
    )


@pytest.mark.parametrize(
    ("where", "word"), [({"review_id": "nobody-1900"}, "nobody-1900"), ({"colour": "red"}, "colour")]
)
def test_an_entry_that_matches_nothing_is_named(review: Review, where: dict[str, str], word: str) -> None:
    group = review.protocol.published[0].model_dump()
    group["reviews"] = [{"where": where}]
    protocol = review.protocol.model_copy(
        update={"published": (type(review.protocol.published[0]).model_validate(group),)}
    )
    with pytest.raises(DataError, match=word):
        ev.beside_published(_with_protocol(review, protocol))


def _with_protocol(review: Review, protocol: object) -> Review:
    from dataclasses import replace

    return replace(review, protocol=protocol)  # type: ignore[arg-type]
