from __future__ import annotations

from pathlib import Path

import pytest

import evidence as ev
from evidence.appraisal.prisma import ITEMS
from evidence.errors import DataError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def mixed(filled):
    """Two trials in an analysis, one with only a P value, one without numbers, two excluded."""
    for trial in ("cy", "dot"):
        filled.trial(trial, song="singing, 40", quiet="silence, 50")
    filled.contrast("cy", "song", "quiet", p_value=0.04, p_operator="=")
    filled.add("excluded", trial_id="eve", label="Eve", reason="no infants")
    filled.add("excluded", trial_id="fay", label="Fay", reason="no infants")
    return filled


def test_every_number_is_counted_in_the_tables(mixed):
    flow = ev.prisma_flow(mixed.read())
    stages = flow.stages.set_index("stage")
    assert stages["trials"].to_dict() == {
        "looked at": 6, "included": 4, "with numbers": 3, "poolable": 2, "in an analysis": 2,
    }  # fmt: skip
    assert stages["left"].tolist() == [2, 1, 1, 0, 0]
    assert flow.reasons.to_dict("records") == [
        {"stage": "looked at", "reason": "no infants", "trials": 2},
        {"stage": "included", "reason": "no outcome numbers in the text that was seen", "trials": 1},
        {"stage": "with numbers", "reason": "only a P value", "trials": 1},
    ]
    assert stages.loc["included", "detail"] == "8 groups"
    assert stages.loc["with numbers", "detail"] == "5 reported results"
    assert "2 comparisons in 1 analysis, 1 of them pooled" in str(stages.loc["in an analysis", "detail"])
    assert "no infants" in flow.summary()


def test_groups_of_reasons_stand_for_them(mixed):
    mixed.protocol["columns"] = {"excluded": {"reason_group": {}}}
    with pytest.raises(DataError, match="reason_group: the column is missing"):
        mixed.read()
    mixed.rows["excluded"][0]["reason"] = "adults, and no song either"
    path = mixed.write() / "excluded.csv"
    text = path.read_text(encoding="utf-8").splitlines()
    groups = ("reason_group", "other people", "")
    path.write_text("\n".join(f"{a},{b}" for a, b in zip(text, groups, strict=True)), encoding="utf-8")
    reasons = ev.prisma_flow(ev.read_review(path.parent)).reasons
    assert set(reasons.loc[reasons["stage"] == "looked at", "reason"]) == {"other people", "no infants"}


def test_a_trial_cannot_be_in_and_out(mixed):
    mixed.add("excluded", trial_id="ava", reason="changed my mind")
    with pytest.raises(DataError, match=r"ava: in excluded\.csv and in trials\.csv"):
        ev.prisma_flow(mixed.read())


def test_those_who_leave_and_those_who_stay_add_up(review):
    flow = ev.prisma_flow(review)
    trials, left = flow.stages["trials"].tolist(), flow.stages["left"].tolist()
    assert [a - b for a, b in zip(trials, left, strict=True)][:-1] == trials[1:]
    by_reason = flow.reasons.groupby("stage")["trials"].sum()
    assert [int(by_reason.get(stage, 0)) for stage in flow.stages["stage"]] == left
    count, inventory = review.protocol.count_trials, ev.inventory(review)
    assert trials[-1] == count(inventory.loc[inventory["analyses"] > 0, "trial_id"])
    assert trials[0] == count(review.trials["trial_id"]) + len(review.excluded)


def test_the_checklist_has_every_item_once_and_in_order(review):
    checklist = ev.prisma_checklist(review)
    assert len(ITEMS) == 42
    assert tuple(checklist.items["item"]) == ITEMS
    assert sum(checklist.counts().values()) == 42
    assert len({item.rstrip("abcdef") for item in ITEMS}) == 27


def test_the_checklist_points_to_what_there_is(review):
    stems = (path.stem.partition("-")[2] for path in (ROOT / "notebooks").glob("*.ipynb"))
    pages = {f"page {stem.replace('-', ' ').capitalize()}" for stem in stems} | {"pages of the questions"}
    for row in ev.prisma_checklist(review).items.itertuples():
        for place in filter(None, str(row.where).split("; ")):
            assert place in pages or (ROOT / place).exists(), (row.item, place)
        # What is reported is somewhere; what is not, or only in part, has a word on why.
        assert row.where or row.status == "no"
        assert row.comment or row.status == "yes"


def test_changes_of_the_protocol_are_reported_where_they_are_listed(review):
    changes = ev.prisma_checklist(review).items.set_index("item").loc["24c"]
    assert len(ev.deviations_table(review)) > 0
    assert (changes["status"], changes["where"]) == ("yes", "page Reporting; data/review.yaml")


def test_the_checklist_is_put_in_order_and_numbered_anew(filled):
    for item in reversed(ITEMS):
        filled.add("prisma_checklist", item=item, section="s", topic="t", status="yes")
    items = ev.prisma_checklist(filled.read()).to_frame()
    assert items.columns.tolist() == ["item", "section", "topic", "status", "where", "comment"]
    assert items.index.tolist() == list(range(len(ITEMS)))
    assert tuple(items["item"]) == ITEMS


def test_a_checklist_with_gaps_is_refused(filled):
    with pytest.raises(DataError, match=r"no prisma_checklist\.csv"):
        ev.prisma_checklist(filled.read())
    for item in ITEMS[:-1]:
        filled.add("prisma_checklist", item=item, section="s", topic="t", status="no")
    with pytest.raises(DataError, match="item 27 is missing"):
        ev.prisma_checklist(filled.read())
    filled.add("prisma_checklist", item="27", section="s", topic="t", status="yes")
    assert ev.prisma_checklist(filled.read()).counts() == {
        "yes": 1,
        "partly": 0,
        "no": 41,
        "not applicable": 0,
    }
    filled.add("prisma_checklist", item="28", section="s", topic="t", status="yes")
    with pytest.raises(DataError, match="PRISMA 2020 has no item 28"):
        ev.prisma_checklist(filled.read())


def test_flow_and_exclusions_for_a_page(mixed):
    mixed.rows["excluded"][0]["reason"] = "as in fay-2001 (A)"
    mixed.rows["excluded"][1].update(trial_id="fay-2001", label="Fay 2001")
    mixed.rows["arm_results"][0]["readers"] = "A"
    review = mixed.read()
    flow = ev.prisma_flow(review)
    assert flow.statement == (
        "Of **6 trials** looked at, **2** (33%) are in at least one analysis. 1 of the 4 included trials have no "
        "outcome numbers in what was seen of them, and 1 report numbers that cannot be pooled."
    )
    assert flow.reasons_table.columns.tolist() == ["step", "reason", "trials"]
    assert flow.reasons_table.iloc[-1].tolist() == ["reported, not poolable", "only a P value", 1]
    assert ev.excluded_table(review).to_numpy().tolist() == [
        ["Eve", "as in Fay 2001"],
        ["Fay 2001", "no infants"],
    ]


def test_the_checklist_for_a_page(filled):
    for place, item in enumerate(ITEMS):
        said = {"status": "partly", "where": "a.md", "comment": "half"} if place else {"status": "no"}
        filled.add("prisma_checklist", item=item, section="a" if place else "b", topic="t", **said)
    checklist = ev.prisma_checklist(filled.read())
    assert checklist.statement == "Of 42 items, **0** are reported, **41** in part and **1** not."
    assert checklist.table.iloc[1].tolist() == ["2", "t", "partly", "a.md. half"]
    assert checklist.by_section.to_dict("list") == {"section": ["b", "a"], "partly": [0, 41], "no": [1, 0]}
    assert checklist.missing == "**Not reported at all:** t (item 1)."
