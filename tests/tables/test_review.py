from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import evidence as ev
from evidence.errors import Fault
from evidence.tables.protocol.protocol import read_protocol
from evidence.tables.read import read_cells
from evidence.tables.review import tables_of, unread_tables
from evidence.tables.validate import check_cells, typed

DATA = Path(__file__).parents[2] / "data"
PROTOCOL = read_protocol(DATA / "review.yaml")
TABLES = tables_of(PROTOCOL)
READINGS = tables_of(PROTOCOL, readings=True)
FILES = {
    **{table.file: table for table in TABLES},
    **{f"readings/{reader}/{table.file}": table for reader in "ab" for table in READINGS},
}
"""Every CSV file of the repository's review with its schema."""


class Copy:
    """A copy of the repository's review whose cells can be changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(DATA, folder)
        self.rows: dict[str, list[list[str]]] = {}

    def table(self, file: str) -> list[list[str]]:
        """Give the rows of a file, the header first."""
        if file not in self.rows:
            with (self.folder / file).open(encoding="utf-8", newline="") as text:
                self.rows[file] = list(csv.reader(text))
        return self.rows[file]

    def column(self, file: str, name: str) -> int:
        """Find a column."""
        return self.table(file)[0].index(name)

    def find(self, file: str, *filled: str, where: Callable[[dict[str, str]], bool] = lambda _: True) -> int:
        """Find the spreadsheet row of the first record in which some cells are filled."""
        header, *records = self.table(file)
        for number, cells in enumerate(records, start=2):
            record = dict(zip(header, cells, strict=True))
            if all(record[name] for name in filled) and where(record):
                return number
        raise LookupError(f"{file}: {filled}")

    def plant(self, file: str, row: int, **cells: str) -> None:
        """Change cells of a row."""
        for name, value in cells.items():
            self.table(file)[row - 1][self.column(file, name)] = value

    def drop_column(self, file: str, name: str) -> None:
        """Remove a column."""
        place = self.column(file, name)
        for cells in self.table(file):
            del cells[place]

    def faults(self) -> tuple[Fault, ...]:
        """Write what was changed, read, and give the faults."""
        for file, rows in self.rows.items():
            with (self.folder / file).open("w", encoding="utf-8", newline="") as text:
                csv.writer(text).writerows(rows)
        with pytest.raises(ev.DataError) as error:
            ev.read_review(self.folder)
        for fault in error.value.faults:
            assert str(fault) in str(error.value)
        return error.value.faults


@pytest.fixture
def data(tmp_path: Path) -> Copy:
    """Give a copy of the repository's review."""
    return Copy(tmp_path / "data")


def places(faults: tuple[Fault, ...]) -> list[tuple[str, int | None, str, str]]:
    return sorted((fault.file, fault.row or 0, fault.column, fault.value) for fault in faults)


# Reading ---------------------------------------------------------------------------------------------------------


def test_the_review_of_the_repository(review: ev.Review) -> None:
    assert len(review.trials) > 200
    assert set(review.readings) == {"a", "b"}
    for frame in (review.trials, review.arm_results, review.readings["a"]["trials"]):
        assert frame.index.name == "row"
        assert frame.index[0] == 2
    assert review.arm_results["mean"].dtype == "float64"
    assert review.trials["year"].dtype == "Int64"
    assert review.arm_results["note"].notna().all()
    assert (review.contrast_results["ci_level"].dropna() > 1).all()


@pytest.mark.parametrize("file", FILES)
def test_the_schema_knows_every_column_of_every_file(file: str) -> None:
    with (DATA / file).open(encoding="utf-8", newline="") as text:
        header = set(next(csv.reader(text)))
    rare = {column.name for column in FILES[file].columns if column.rare}
    assert header | rare == {column.name for column in FILES[file].columns}


def test_tables_that_are_not_needed_may_be_absent(filled: Any) -> None:
    folder = filled.write()
    for name in ("claims", "citations", "risk_of_bias", "agreement", "contrast_results", "reviews"):
        (folder / f"{name}.csv").unlink()
    review = ev.read_review(folder)
    assert review.claims.empty
    assert "claim" in review.claims
    assert len(review.effects("singing-crying-short")) == 2
    assert ev.agreement(review).empty
    assert ev.check(review).empty


def test_doubtful_rows_load_and_are_listed(review: ev.Review) -> None:
    found = review.doubtful
    for table in ("arm_results", "contrast_results"):
        marked = getattr(review, table)["note"].str.startswith("CHECK:")
        listed = found[found["file"] == f"{table}.csv"]
        assert listed["row"].tolist() == marked.index[marked].tolist()
        assert listed["result_id"].tolist() == getattr(review, table)["result_id"][marked].tolist()
    assert not found["doubt"].str.contains("^CHECK:").any()


def test_analysis_by_name(review: ev.Review) -> None:
    analysis = review.analysis("massage-inactive-pain-short")
    assert review.analysis(analysis) is analysis
    with pytest.raises(ev.DataError, match="did you mean massage-inactive-pain-short"):
        review.analysis("massage-inactive-pain-shor")
    with pytest.raises(
        ev.DataError, match=r"it has massage-sham-pain-short, .*massage-inactive-pain-short, "
    ):
        review.analysis("@")


# Every fault, in every table where it can be ---------------------------------------------------------------------


def test_a_word_for_a_number_in_every_numeric_column_of_every_table(data: Copy) -> None:
    planted = []
    for file, table in FILES.items():
        for column in table.columns:
            if column.kind != "text" and not column.rare:
                data.plant(file, 2, **{column.name: "two"})
                planted.append((file, 2, column.name, "two"))
    faults = data.faults()
    assert len(planted) >= 100
    # A P value that is no number leaves its operator alone, and so on: nothing beside the words is found.
    assert places(faults) == sorted(planted)
    for fault in faults:
        assert "such as 2" in fault.expected


@pytest.mark.parametrize("file", FILES)
def test_every_column_that_is_removed_is_missed(file: str) -> None:
    cells, found = read_cells(DATA / file, file)
    assert found == []
    for column in FILES[file].columns:
        rest = cells.head(3).drop(columns=column.name, errors="ignore" if column.rare else "raise")
        faults = check_cells(rest, FILES[file], file)
        if column.optional:
            assert faults == []
            empty = typed(rest, FILES[file])[column.name]
            assert ((empty == "") | empty.isna()).all()
            faults = check_cells(rest.assign(**{f"{column.name}s": ""}), FILES[file], file)
        (fault,) = faults
        assert (fault.file, fault.row, fault.column) == (file, 1, column.name)
        assert "the column is missing" in fault.expected


def test_the_remedy_for_a_missing_column_says_whether_its_cells_may_be_empty(data: Copy) -> None:
    data.drop_column("trials.csv", "trial_id")
    data.drop_column("arms.csv", "description")
    said = {fault.column: fault.expected for fault in data.faults()}
    assert said["trial_id"] == "the column is missing; add it to the header and fill in every cell"
    assert said["description"] == "the column is missing; add it to the header, its cells may be empty"


def test_a_column_missing_from_each_table_at_once(data: Copy) -> None:
    last = {
        file: [column.name for column in table.columns if not column.optional][-1]
        for file, table in FILES.items()
    }
    for file, name in last.items():
        data.drop_column(file, name)
    assert places(data.faults()) == sorted((file, 1, name, "") for file, name in last.items())


def test_a_renamed_column_is_recognised(data: Copy) -> None:
    data.table("trials.csv")[0][0] = "trialid"
    faults = data.faults()
    assert "is it the column headed 'trialid'?" in faults[0].expected
    assert {fault.file for fault in faults} == {"trials.csv"}  # what refers to it is not blamed


@pytest.mark.parametrize(
    ("file", "doubtful"),
    [
        (file, doubtful)
        for file, table in FILES.items()
        for doubtful in (False, True)
        if ({"ci_low", "note"} if doubtful else {"ci_low"}) <= {column.name for column in table.columns}
    ],
)
def test_swapped_bounds(data: Copy, file: str, doubtful: bool) -> None:
    def fits(record: dict[str, str]) -> bool:
        marked = record.get("note", "").startswith("CHECK:")
        return float(record["ci_low"]) < float(record["ci_high"]) and marked == doubtful

    row = data.find(file, "ci_low", "ci_high", where=lambda record: bool(record["ci_low"]) and fits(record))
    low, high = (data.table(file)[row - 1][data.column(file, name)] for name in ("ci_low", "ci_high"))
    data.plant(file, row, ci_low=high, ci_high=low)
    (fault,) = data.faults()
    assert (fault.file, fault.row, fault.column, fault.value) == (file, row, "ci_low", high)
    assert "write the smaller bound in ci_low" in fault.expected


VALUES = [
    ("arm_results.csv", ("sd",), {"sd": "-1"}, "sd", "must be 0 or more"),
    ("arm_results.csv", ("se",), {"se": "-0.5"}, "se", "must be 0 or more"),
    ("arm_results.csv", ("n",), {"n": "-3"}, "n", "must be 1 or more"),
    ("arm_results.csv", ("n",), {"n": "20000000000"}, "n", "must be 10,000,000,000 or less"),
    ("arm_results.csv", ("n",), {"n": "3.5"}, "n", "a whole number"),
    ("arm_results.csv", ("n",), {"n": "inf"}, "n", "a whole number"),
    ("arm_results.csv", ("mean",), {"mean": "1,5"}, "mean", "a number with a decimal point"),
    ("arm_results.csv", ("events", "n"), {"events": "9999"}, "events", "more events than participants"),
    ("arm_results.csv", ("ci_low", "ci_high"), {"ci_high": ""}, "ci_low", "an interval needs both bounds"),
    (
        "arm_results.csv",
        ("ci_low", "ci_high", "mean"),
        {"mean": "9999"},
        "mean",
        "lies outside its confidence",
    ),
    ("arm_results.csv", ("q1", "median", "q3"), {"median": "-9999"}, "median", "quartiles must rise"),
    ("arm_results.csv", ("q1", "median", "q3"), {"q1": "9999"}, "median", "quartiles must rise"),
    ("arm_results.csv", (), {"statistic": "final"}, "statistic", "use one of post, change, count"),
    ("arm_results.csv", (), {"adjusted": "maybe"}, "adjusted", "use one of yes, no, unclear"),
    ("arm_results.csv", (), {"trial_id": "nobody-1999"}, "trial_id", "is not in arms.csv"),
    ("arm_results.csv", (), {"arm_id": "mfrr"}, "arm_id", "did you mean 'mfr'?"),
    ("arm_results.csv", (), {"instrument": "MPQQ"}, "instrument", "did you mean 'MPQ'?"),
    (
        "arm_results.csv",
        (),
        {"outcome": "painn"},
        "outcome",
        "use an outcome of review.yaml or instruments.csv",
    ),
    ("arm_results.csv", (), {"timepoint_weeks": "-1"}, "timepoint_weeks", "must be 0 or more"),
    ("arm_results.csv", (), {"source_url": ""}, "source_url", "may not be empty"),
    ("arm_results.csv", (), {"scale_min": "9999"}, "scale_min", "must be below scale_max"),
    ("contrast_results.csv", ("p_value",), {"p_value": "1.2"}, "p_value", "must be between 0 and 1"),
    ("contrast_results.csv", ("p_value",), {"p_value": "-0.2"}, "p_value", "must be between 0 and 1"),
    (
        "contrast_results.csv",
        ("p_value", "p_operator"),
        {"p_operator": ""},
        "p_operator",
        "exact (=) or a bound",
    ),
    ("contrast_results.csv", (), {"p_operator": "≤"}, "p_operator", "use one of =, <, >"),
    ("contrast_results.csv", (), {"direction": "both"}, "direction", "use one of arm, comparator, neither"),
    ("contrast_results.csv", ("ci_low",), {"ci_low": ""}, "ci_low", "an interval needs both bounds"),
    (
        "contrast_results.csv",
        ("estimate", "ci_low"),
        {"estimate": "9999"},
        "estimate",
        "lies outside its confidence",
    ),
    ("contrast_results.csv", ("ci_level",), {"ci_level": "195"}, "ci_level", "must be between 0 and 100"),
    ("contrast_results.csv", (), {"se": "-1"}, "se", "must be 0 or more"),
    ("contrast_results.csv", (), {"measure": "WMD"}, "measure", "use one of MD, SMD"),
    ("contrast_results.csv", (), {"comparator_arm_id": "shamm"}, "comparator_arm_id", "is not in arms.csv"),
    ("contrast_results.csv", (), {"n_arm": "-1"}, "n_arm", "must be 1 or more"),
    ("contrast_results.csv", (), {"n_comparator": "0"}, "n_comparator", "must be 1 or more"),
    ("contrast_results.csv", (), {"source_url": "javascript:alert(1)"}, "source_url", "begins with http"),
    ("trials.csv", (), {"design": "quasi"}, "design", "use one of parallel"),
    ("trials.csv", ("duration_class",), {"duration_class": "long"}, "duration_class", "use one of acute"),
    ("trials.csv", (), {"year": "3023"}, "year", "must be between 1900 and 2100"),
    ("trials.csv", ("n_randomised",), {"n_randomised": "-70"}, "n_randomised", "must be 1 or more"),
    ("trials.csv", (), {"label": ""}, "label", "may not be empty"),
    ("arms.csv", (), {"kind": "random"}, "kind", "use one of randomised, margin, cell"),
    ("arms.csv", (), {"components": "yoga"}, "components", "use components of review.yaml"),
    ("arms.csv", ("weeks",), {"weeks": "-2"}, "weeks", "must be 0 or more"),
    ("instruments.csv", (), {"higher_means": "bigger"}, "higher_means", "use one of worse, better"),
    ("risk_of_bias.csv", (), {"judgement": "fine"}, "judgement", "use one of"),
    ("risk_of_bias.csv", (), {"trial_id": "nobody-1999"}, "trial_id", "is not in trials.csv"),
    ("agreement.csv", (), {"agreed": "perhaps"}, "agreed", "use one of yes, no"),
    ("reviews.csv", ("i2",), {"i2": "120"}, "i2", "must be between 0 and 100"),
    ("reviews.csv", ("k",), {"k": "-1"}, "k", "must be 0 or more"),
    ("reviews.csv", ("estimate", "ci_low"), {"estimate": "9999"}, "estimate", "lies outside its confidence"),
    ("guidelines.csv", (), {"recommendation": ""}, "recommendation", "may not be empty"),
    ("claims.csv", (), {"claim": ""}, "claim", "may not be empty"),
    ("citations.csv", (), {"agrees": "so-so"}, "agrees", "use one of yes, no"),
    ("important_changes.csv", (), {"change_type": "ratio"}, "change_type", "use one of absolute, percent"),
    ("excluded.csv", (), {"reason": ""}, "reason", "may not be empty"),
    ("readings/a/contrast_results.csv", ("p_value",), {"p_value": "2"}, "p_value", "must be between 0 and 1"),
    ("readings/b/arm_results.csv", ("sd",), {"sd": "-2"}, "sd", "must be 0 or more"),
    ("readings/b/trials.csv", (), {"design": "quasi"}, "design", "use one of parallel"),
]


def planted_row(data: Copy, file: str, filled: tuple[str, ...], cells: dict[str, str], used: set[Any]) -> int:
    """Find a row that has what is needed, is not marked as doubtful, and was not changed before."""

    def fits(record: dict[str, str]) -> bool:
        if "scale_min" in cells and not record["scale_max"]:
            return False
        return not record.get("note", "").startswith("CHECK:") and tuple(record.values()) not in used

    row = data.find(file, *filled, where=fits)
    data.plant(file, row, **cells)
    used.add(tuple(data.table(file)[row - 1]))
    return row


def test_all_faults_at_once_are_all_listed(data: Copy) -> None:
    used: set[Any] = set()
    planted = [
        (file, planted_row(data, file, filled, cells, used), column, cells.get(column), text)
        for file, filled, cells, column, text in VALUES
    ]
    faults = data.faults()
    assert len(planted) > 50
    listed = {(fault.file, fault.row, fault.column): fault for fault in faults}
    assert [place[:3] for place in planted if place[:3] not in listed] == []
    for file, row, column, value, text in planted:
        assert text in listed[file, row, column].expected
        assert value is None or listed[file, row, column].value == value
    # A change in one place may be a fault in another: the rows that used the old name of something.
    extra = set(places(faults)) - {
        (file, row, column, value or "") for file, row, column, value, _ in planted
    }
    assert len(extra) <= 5


@pytest.mark.parametrize("file", [table.file for table in TABLES if table.key])
def test_repeated_keys(data: Copy, file: str) -> None:
    table = FILES[file]
    data.table(file).append(list(data.table(file)[1]))
    last = len(data.table(file))
    (fault,) = data.faults()
    assert (fault.file, fault.row, fault.column) == (file, last, table.key[-1])
    assert "already stands in row 2" in fault.expected
    assert fault.value == "/".join(data.table(file)[1][data.column(file, name)] for name in table.key)


def test_protocol_that_names_what_no_table_has(filled: Any) -> None:
    filled.protocol["set_aside"] = [{"trial": "zoe", "instrument": "YELL", "result": "r-9", "reason": "x"}]
    filled.protocol["same_patients"] = [{"trials": ["ava", "zoe"], "reason": "x"}]
    with pytest.raises(ev.DataError) as error:
        filled.read()
    assert [(fault.column, fault.value) for fault in error.value.faults] == [
        ("set_aside.0.trial", "zoe"),
        ("set_aside.0.instrument", "YELL"),
        ("set_aside.0.result", "r-9"),
        ("same_patients.0", "zoe"),
    ]


def test_arm_that_is_its_own_comparator(filled: Any) -> None:
    filled.contrast("ava", "song", "song", estimate=1, se=1)
    with pytest.raises(ev.DataError, match="an arm cannot be its own comparator"):
        filled.read()


def test_ratio_below_zero(filled: Any) -> None:
    filled.contrast("ava", "song", "quiet", "settled", measure="RR", estimate=-0.5, ci_low=-1, ci_high=2)
    with pytest.raises(ev.DataError, match="a ratio and its interval must be above 0"):
        filled.read()


def test_contradictions_marked_as_printed_load(filled: Any) -> None:
    contradiction = {"estimate": -5, "ci_low": 1, "ci_high": 2}
    filled.contrast("ava", "song", "quiet", **contradiction, note="CHECK: lost minus sign")
    assert len(filled.read().doubtful) == 1
    filled.rows["contrast_results"][0]["note"] = "odd"
    with pytest.raises(ev.DataError, match="begin the note of the row with CHECK:"):
        filled.read()


# Files that cannot be read -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["trials", "arms", "instruments", "review"])
def test_missing_and_empty_files(filled: Any, name: str) -> None:
    folder = filled.write()
    path = folder / ("review.yaml" if name == "review" else f"{name}.csv")
    path.unlink()
    with pytest.raises(ev.DataError, match=rf"{path.name}: .*(missing|cannot be read)") as error:
        ev.read_review(folder)
    assert len(error.value.faults) == 1
    path.write_text("", encoding="utf-8")
    with pytest.raises(ev.DataError, match=rf"{path.name}: (the file is empty|needs keys)"):
        ev.read_review(folder)


def test_header_without_rows(filled: Any) -> None:
    filled.rows["trials"] = []
    with pytest.raises(ev.DataError, match=r"trials\.csv: the table has a header but no rows") as error:
        filled.read()
    assert len(error.value.faults) == 1


def test_broken_rows_and_cells_are_both_listed(filled: Any) -> None:
    folder = filled.write()
    path = folder / "arms.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([lines[0], lines[1] + ",,", lines[2].replace("50", "fifty")]), encoding="utf-8")
    with pytest.raises(ev.DataError) as error:
        ev.read_review(folder)
    assert [(fault.row, fault.column) for fault in error.value.faults] == [(2, ""), (3, "n_randomised")]


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(ev.DataError, match="there is no folder"):
        ev.read_review(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(ev.DataError, match="there is no folder"):
        ev.read_review(str(tmp_path / "file"))


def test_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(ev.DataError) as error:
        ev.read_review(tmp_path)
    files = {fault.file for fault in error.value.faults}
    assert files == {"review.yaml", "trials.csv", "arms.csv", "instruments.csv"}


# Anything may stand in a file -------------------------------------------------------------------------------------

CELLS = st.sampled_from(
    [
        "",
        "two",
        "-1",
        "1e400",
        "NaN",
        "ava",
        "song",
        "quiet",
        "singing",
        "CHECK: x",
        "0",
        "99999999999999999999",
        "é;,",
    ]
) | st.text(max_size=5)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    edits=st.lists(st.tuples(st.integers(0, 7), st.integers(0, 30), CELLS), min_size=1, max_size=4),
    extra=CELLS,
)
def test_any_cells_give_a_review_or_a_data_error(
    filled: Any, tmp_path_factory: Any, edits: list[tuple[int, int, str]], extra: str
) -> None:
    small = type(filled)(tmp_path_factory.mktemp("edited"))
    small.rows = {name: [dict(row) for row in rows] for name, rows in filled.rows.items()}
    small.contrast("ava", "song", "quiet", estimate=-1, ci_low=-2, ci_high=0, note=extra)
    tables = {table.name: table for table in tables_of(None)}
    for number, place, value in edits:
        name = ("trials", "arms", "arm_results", "contrast_results")[number % 4]
        columns = tables[name].columns
        small.rows[name][number // 4 % len(small.rows[name])][columns[place % len(columns)].name] = value
    try:
        review = small.read()
    except ev.DataError:
        return
    for analysis in review.analyses:
        review.comparisons(analysis, doubtful=True)
    ev.inventory(review)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["trials.csv", "arm_results.csv", "review.yaml"]), content=st.binary(max_size=300)
)
def test_any_bytes_give_a_data_error(filled: Any, name: str, content: bytes) -> None:
    folder = filled.write()
    (folder / name).write_bytes(content)
    with pytest.raises(ev.DataError):
        ev.read_review(folder)


def test_tables_under_another_name_are_not_passed_over(tmp_path: Path) -> None:
    copied = tmp_path / "data"
    shutil.copytree(DATA, copied)
    (copied / "contrast_results.csv").rename(copied / "Contrast results.csv")
    (copied / "excluded.csv").unlink()
    (copied / "excluded.csv").symlink_to(tmp_path / "nowhere.csv")
    with pytest.raises(ev.DataError) as error:
        ev.read_review(copied)
    assert "Contrast results.csv: is it the table contrast_results.csv? rename it so" in str(error.value)
    assert "excluded.csv: is a link to" in str(error.value)


@pytest.mark.parametrize(
    "name",
    [
        "risk-of-bias.csv.txt",
        "risk_of_bias.csv.txt",
        "risk_of_bias.txt",
        "Risk Of Bias.CSV.csv",
        "RiskOfBias.xlsx",
    ],
)
def test_a_table_with_a_second_ending_is_named(filled: Any, name: str) -> None:
    folder = filled.write()
    (folder / "risk_of_bias.csv").rename(folder / name)
    with pytest.raises(ev.DataError, match=r"is it the table risk_of_bias\.csv\? rename it so"):
        ev.read_review(folder)


def test_files_that_are_not_read_are_named(filled: Any) -> None:
    folder = filled.write()
    for name in ("rob.csv", "made.csv", "notes.txt"):
        (folder / name).write_text("a,b\n1,2\n", "utf-8")
    (folder / "README.md").write_text("- `made.csv`: what the tables were made from\n", "utf-8")
    assert unread_tables(folder) == ["rob.csv"]
    assert ev.read_review(folder).path == folder
    assert unread_tables(DATA) == []


def test_the_sign_of_a_bound_has_a_column_of_its_own(small: Any) -> None:
    small.trial("ava", song="singing, 40", quiet="silence, 50")
    small.contrast("ava", "song", "quiet", estimate=1, p_value="<0.05")
    with pytest.raises(ev.DataError, match=r"found '<0.05'; write 0.05 in p_value and < in p_operator"):
        small.read()


def test_a_header_cut_short_is_named_though_no_row_can_be_read(filled: Any) -> None:
    """The rows alone do not show that columns are missing, and checks would look for them."""
    folder = filled.write()
    (folder / "contrast_results.csv").write_text("result_id,trial_id\nx,ava,more\n", "utf-8")
    for function in (ev.read_review, lambda path: ev.check(str(path))):
        with pytest.raises(ev.DataError, match="note"):
            function(folder)
