"""The figures of networks: which are shown, under which names, and what their captions count."""

from __future__ import annotations

from typing import Any

import pytest

import evidence as ev
from evidence.tables.review import Review


def test_each_figure_has_a_name_and_counts_what_contributes(
    review: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: dict[str, tuple[str, bool]] = {}

    def keep(_: Any, name: str, *, caption: str, folded: bool) -> None:
        shown[name] = caption, folded

    monkeypatch.setattr("evidence.report.network_page.publish_figure", keep)
    networks = ev.networks_of(review, ["disability"], ["long"], reference="usual care")
    ev.publish_networks(networks)
    ev.publish_estimates(networks)
    ev.publish_agreement(networks)
    ev.publish_sums(ev.additive_models(networks, "no treatment"))
    assert list(shown) == [
        "network-disability-long",
        "network-forest-disability-long",
        "league-disability-long",
        "network-split-disability-long",
        "waterfall-disability-long-manual-therapy-exercise",
    ]
    assert [folded for _, folded in shown.values()] == [False, True, True, True, True]
    assert shown["network-forest-disability-long"][0] == (
        "Treatments against usual care, disability, long term (standard deviations); 9 of 10 trials contribute."
    )


def test_the_caption_of_a_graph_says_where_strata_stand_apart(
    review: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    captions: list[str] = []
    monkeypatch.setattr(
        "evidence.report.network_page.publish_figure", lambda *_, caption, **__: captions.append(caption)
    )
    networks = ev.networks_of(review, ["pain"], ["short", "long"], reference="usual care")
    ev.publish_networks(networks)
    apart = [one.endswith("Strata of one trial are drawn as studies of their own.") for one in captions]
    data = [one.source.whole["trial_id"] for one in networks]
    assert apart == [review.protocol.count_trials(ids) < ids.nunique() for ids in data]
    assert apart == [True, False]
