"""References from databases and reference managers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import evidence as ev
from evidence import cli

if TYPE_CHECKING:
    from tests.conftest import SmallReview

RIS = """TY  - JOUR
AU  - Ahn, Jin-Soo
AU  - Bode, K.
T1  - Bright light at work:
      a randomised trial
PY  - 2001/05/01/
JO  - J Light
VL  - 4
IS  - 2
SP  - 11
EP  - 19
DO  - https://doi.org/10.1234/Light.2001.4
N2  - Registered as ISRCTN12345678.
ER  -\x20

TY  - JOUR
A1  - Cruz, D
TI  - Dim light at home
Y1  - 2004
ER  -\x20
"""
NBIB = """
PMID- 111
TI  - Bright light at work: a randomised trial.
FAU - Ahn, Jin-Soo
AU  - Ahn JS
LID - 10.1234/light.2001.4 [doi]
DP  - 2001 May
TA  - J Light
PMC - PMC42
AB  - We lit
      offices.

PMID- 222
TI  - Lamps and sleep
AU  - van der Berg J
DP  - 2010
SI  - ClinicalTrials.gov/NCT01234567
"""
BIB = r"""
@string{jl = "Journal of " # {Light}}
@comment{ @article{not, title={Not this}} }
@article{muller05,
  author = {M{\"u}ller, J{\"o}rg and {\O}stergaard, L. and Garc\'{\i}a, Ana},
  title = "The {LED} {\& the} eye",
  journal = jl, year = 2005, volume = {7}, number = 1, pages = {1--9},
  doi = {10.5/xyz},
}
@book(second, author = "Jin Ahn", title = {Lamps}, date = {2006-01-02})
"""


def write(folder: Path, **files: str) -> list[Path]:
    paths = []
    for name, text in files.items():
        path = folder / name.replace("_", ".")
        path.write_text(text, "utf-8")
        paths.append(path)
    return paths


def test_references_of_three_forms_are_read_and_each_is_taken_once(tmp_path: Path) -> None:
    found = ev.read_references(write(tmp_path, a_ris=RIS, b_nbib=NBIB, c_bib=BIB))
    frame = found.frame.set_index("label")
    labels = ["Ahn 2001", "Cruz 2004", "van der Berg 2010", "M\u00fcller 2005", "Ahn 2006"]
    assert list(frame.index) == labels
    first = frame.loc["Ahn 2001"]
    assert first["doi"] == "10.1234/light.2001.4"
    assert first["pmid"] == "111"  # from the second file, in which it stands again
    assert first["pmcid"] == "PMC42"
    assert first["registration"] == "ISRCTN12345678"
    assert first["title"] == "Bright light at work: a randomised trial"
    assert (
        first["citation"]
        == "Ahn JS, Bode K. Bright light at work: a randomised trial. J Light 2001;4(2):11-19."
    )
    assert first["abstract"] == "Registered as ISRCTN12345678."
    assert first["place"] == "a.ris, line 1"
    assert found.twice == ("b.nbib, line 2",)
    assert frame.loc["van der Berg 2010", "registration"] == "NCT01234567"
    latex = frame.loc["M\u00fcller 2005"]
    assert latex["authors"] == "M\u00fcller, J\u00f6rg; \u00d8stergaard, L.; Garc\u00eda, Ana"
    assert latex["title"] == "The LED & the eye"
    assert latex["citation"].endswith("Journal of Light 2005;7(1):1-9.")
    assert latex["place"] == "c.bib, line 4"
    assert frame.loc["Ahn 2006", "trial_id"] == "ahn-2006"


def test_trials_of_a_review_are_recognised_and_new_ones_added(
    filled: SmallReview, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    filled.rows["trials"][0]["doi"] = "10.1234/LIGHT.2001.4"
    filled.rows["trials"][1]["citation"] = "Cruz D. Dim light at home with lamps. 2004."
    folder = filled.write()
    review = ev.read_review(folder)
    files = write(
        tmp_path, a_ris=RIS.replace("Dim light at home", "Dim light at home with lamps"), b_nbib=NBIB
    )
    found = ev.read_references(files, review=review)
    known = found.frame.set_index("label")["known"]
    assert list(known[:2]) == list(review.trials["trial_id"][:2])
    assert list(known[2:]) == [""]
    command = ["evidence", "references", *map(str, files), "--data", str(folder), "--add"]
    monkeypatch.setattr("sys.argv", command)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    said = capsys.readouterr()
    assert "3 references; 1 more that is one of them again; 2 in the review already" in said.err
    assert "Added: 1 row in trials.csv" in said.err
    again = ev.read_review(folder)
    assert list(again.trials["trial_id"])[-1] == "van-der-berg-2010"
    assert again.trials.iloc[-1]["pmid"] == "222"
    assert (ev.read_references(files, review=again).frame["known"] != "").all()
    monkeypatch.setattr("sys.argv", ["evidence", "references", str(files[0]), "--add"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.ris", "TY  - JOUR\nAU  - Ahn, J\nER  - \n", "line 1.*title|row 1.*title"),
        ("a.ris", "TY  - JOUR\nTI  - Lamps\n", "no ER"),
        ("a.ris", "TY  - JOUR\nTI  - Lamps\nTY  - JOUR\nTI  - More\nER  - \n", "line 1 has no ER"),
        ("a.ris", "nothing", "no reference"),
        ("a.bib", "@article{x, title = {Lamps", "never closed"),
        ("a.bib", "", "no reference"),
        ("a.txt", "x", "endings"),
        ("a.nbib", "\n", "no reference"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, name: str, text: str, words: str) -> None:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    with pytest.raises(ev.DataError, match=words):
        ev.read_references(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ev.DataError, match="there is no file"):
        ev.read_references(tmp_path / "a.ris")
    os.mkfifo(tmp_path / "b.ris")
    with pytest.raises(ev.DataError, match=r"b\.ris cannot be read: it is a pipe or a device"):
        ev.read_references(tmp_path / "b.ris")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.ris"
    path.write_bytes("TY  - JOUR\r\nAU  - M\u00fcller, J\r\nTI  - L\u00e4mp\r\nER  - \r\n".encode(encoding))
    first: Any = ev.read_references(path).frame.loc[0]
    assert [first["label"], first["title"]] == ["M\u00fcller", "L\u00e4mp"]


def test_labels_of_one_name_are_told_apart(tmp_path: Path) -> None:
    text = "".join(f"TY  - JOUR\nAU  - Ahn, J\nTI  - Lamp {n}\nPY  - 2001\nER  - \n" for n in range(30))
    path = tmp_path / "a.ris"
    path.write_text(text, "utf-8")
    frame = ev.read_references(path).frame
    assert frame["label"].tolist()[:3] == ["Ahn 2001", "Ahn 2001b", "Ahn 2001c"]
    assert frame["trial_id"].is_unique


@settings(max_examples=60)
@given(st.text(max_size=200), st.sampled_from(["ris", "nbib", "bib"]))
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str, kind: str) -> None:
    start = {"ris": "TY  - JOUR\nTI  - ", "nbib": "PMID- 1\nTI  - ", "bib": "@a{k, title = {"}[kind]
    path = tmp_path_factory.mktemp("x") / f"a.{kind}"
    path.write_bytes((start + text).encode("utf-8", "replace"))
    try:
        frame = ev.read_references(path).frame
    except ev.DataError:
        return
    assert (frame["title"] != "").all()
