from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evidence.errors import DataError
from evidence.figures import network_graph
from evidence.figures.drawing.text import text_width
from evidence.figures.network.circle import circle_order, circle_places, place_labels_around
from evidence.models.network.fit import network


def contrasts(size: int, studies: int, three_arms: int = 2) -> pd.DataFrame:
    """A connected network in which long names and multi-arm studies occur."""
    random = np.random.default_rng(size)
    names = ["manual_therapy+exercise+other active", "usual care", "exercise"]
    names += [f"treatment_{i}" for i in range(3, size)]
    rows = []
    for study in range(studies):
        arms = [study + 1, int(random.integers(0, study + 1))] if study < size - 1 else []
        arms = arms or list(random.choice(size, 3 if study < size - 1 + three_arms else 2, replace=False))
        people = random.integers(10, 200, len(arms))
        means = random.normal(0, 1, len(arms)) / np.sqrt(people)
        rows += [
            {
                "study": f"study {study}",
                "treat1": names[arms[i]],
                "treat2": names[arms[j]],
                "effect": means[i] - means[j],
                "se": np.sqrt(1 / people[i] + 1 / people[j]),
                "n1": people[i],
                "n2": people[j],
            }
            for i in range(len(arms))
            for j in range(i + 1, len(arms))
        ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(("size", "studies"), [(3, 5), (6, 14), (22, 60)])
def test_nothing_covers_or_leaves(faults, size, studies):
    frame = contrasts(size, studies)
    pairs = frame[["treat1", "treat2"]].apply(lambda row: " v ".join(sorted(row)), axis=1).unique()
    grades = ["high", "moderate", "low", "very low"]
    certainty = {pair: grades[place % 4] for place, pair in enumerate(pairs)}
    figure = network_graph(
        frame, certainty=certainty, highlight="usual care", title="Network", notes=["A note."]
    )
    assert faults(figure) == []
    assert faults(network_graph(network(frame))) == []


def test_carries_studies_and_people(texts):
    frame = contrasts(6, 14)
    figure = network_graph(network(frame), sizes=frame)
    numbers = figure.numbers
    arms = pd.concat(
        frame[["study", f"treat{i}", f"n{i}"]].set_axis(["study", "treatment", "n"], axis=1) for i in (1, 2)
    ).drop_duplicates()
    for name, group in arms.groupby("treatment"):
        node = numbers[(numbers.row == "treatment") & (numbers.treatment == name)].iloc[0]
        assert (node["studies"], node["people"]) == (len(group), group["n"].sum())
    edges = numbers[numbers.row == "comparison"]
    for pair in edges.to_dict("records"):
        both = frame[["treat1", "treat2"]].isin([pair["treatment"], pair["against"]]).all(axis=1)
        assert pair["studies"] == frame[both]["study"].nunique()
    pairs = zip(frame["treat1"], frame["treat2"], strict=True)
    assert len(edges) == len({frozenset(pair) for pair in pairs})
    assert "People:" in texts(figure)
    assert "14 studies, 6 treatments" in figure.alt_text
    assert "2 studies have three or more arms" in figure.alt_text


def test_underscores_are_spaces(texts):
    written = " ".join(texts(network_graph(contrasts(6, 14))))
    assert "treatment 3" in written
    assert "_" not in written


def test_area_of_nodes_is_people(texts):
    frame = pd.DataFrame({"study": ["s", "t"], "treat1": ["a", "b"], "treat2": ["b", "c"]})
    figure = network_graph(frame, sizes={"a": 100, "b": 400, "c": 25})
    widths = [patch.get_window_extent().width for patch in figure.axes[0].patches[:3]]
    np.testing.assert_allclose(np.square(widths) / np.square(widths[1]), [0.25, 1, 0.0625], rtol=0.2)
    assert "Studies of a treatment:" in texts(network_graph(frame))


def test_people_that_no_study_reports_are_said(texts, faults):
    frame = contrasts(6, 14)
    lost = frame["treat1"] == frame["treat1"].iloc[-1]
    frame.loc[lost, "n1"] = frame.loc[frame["treat2"] == frame["treat1"].iloc[-1], "n2"] = np.nan
    figure = network_graph(frame)
    name = frame["treat1"].iloc[-1]
    people = figure.numbers[figure.numbers.row == "treatment"].set_index("treatment").people
    assert people[people.isna()].index.tolist() == [name]
    assert faults(figure) == []
    assert "whose number is not known. Open circle: number of people not known." in figure.alt_text
    unknown = network_graph(frame.assign(n1=np.nan, n2=np.nan))
    assert "Studies of a treatment:" in texts(unknown)


def test_parts_that_no_study_connects_are_said():
    frame = pd.DataFrame({"study": ["s", "t"], "treat1": ["a", "c"], "treat2": ["b", "d"]})
    assert "No study connects the 2 parts" in network_graph(frame).alt_text


def test_reads_certainty_from_a_column_or_a_mapping():
    frame = pd.DataFrame({"study": ["s", "t"], "treat1": ["a", "b"], "treat2": ["b", "c"]})
    rated = network_graph(frame.assign(grade=["low", ""]), certainty="grade").numbers
    assert rated.certainty.tolist()[-2:] == ["low", ""]
    given = network_graph(frame, certainty={("b", "a"): "very_low", "c v b": "High"}).numbers
    assert given.certainty.tolist()[-2:] == ["very low", "high"]


def test_refuses_what_it_cannot_draw():
    frame = pd.DataFrame({"study": ["s", "t"], "treat1": ["a", "b"], "treat2": ["b", "c"]})
    with pytest.raises(DataError, match="column 'treat2'"):
        network_graph(frame.drop(columns="treat2"))
    with pytest.raises(DataError, match="is empty"):
        network_graph(frame.head(0))
    with pytest.raises(DataError, match="s compares 'b' with itself"):
        network_graph(frame.assign(treat1="b"))
    with pytest.raises(DataError, match="'d' is not in the network; choose among a, b, c"):
        network_graph(frame, highlight="d")
    with pytest.raises(DataError, match="no number of people for 'c'"):
        network_graph(frame, sizes={"a": 1, "b": 2, "c": -3})
    with pytest.raises(DataError, match="'a v d' is given, which is no comparison"):
        network_graph(frame, certainty={("a", "d"): "low"})
    with pytest.raises(DataError, match="is 'medium': use high"):
        network_graph(frame, certainty={("a", "b"): "medium"})
    with pytest.raises(DataError, match="'b v a' has two certainties: low and high"):
        network_graph(frame, certainty={("a", "b"): "low", ("b", "a"): "high"})
    with pytest.raises(DataError, match="no column 'grade'"):
        network_graph(frame, certainty="grade")


def test_order_finds_a_ring_without_crossings():
    ring = [0, 5, 2, 7, 4, 1, 6, 3]
    edges = [(ring[i], ring[(i + 1) % 8]) for i in range(8)]
    order = circle_order(8, edges, [1.0] * 8)
    place = {node: i for i, node in enumerate(order)}
    crossings = sum(
        (a < c < b < d) or (c < a < d < b)
        for a, b in (sorted((place[i], place[j])) for i, j in edges)
        for c, d in (sorted((place[i], place[j])) for i, j in edges)
    )
    assert crossings == 0


@pytest.mark.parametrize("size", [2, 5, 12, 31])
def test_labels_stay_apart(size):
    places = circle_places(size, 120.0)
    np.testing.assert_allclose(np.hypot(*places.T), 120.0)
    names = ["a rather long name of a treatment " * (1 + i % 3) for i in range(size)]
    labels = place_labels_around(places, [8.0] * size, names, 5.0)
    boxes = []
    for label in labels:
        assert max(text_width(line) for line in label.lines) <= 118
        left = label.x if label.right else label.x - label.width
        boxes.append((left, left + label.width, label.top - label.height, label.top))
    for i, a in enumerate(boxes):
        for b in boxes[i + 1 :]:
            assert min(a[1], b[1]) <= max(a[0], b[0]) or min(a[3], b[3]) <= max(a[2], b[2])
