"""What a notebook calls to hand a figure or a table to its reader, and to the report when one is being made."""

from __future__ import annotations

import html
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from evidence.errors import DataError, ReportError
from evidence.files import file_name, write_csv
from evidence.report import FOLDER_VARIABLE
from evidence.report.site.tables import table_html

if TYPE_CHECKING:
    from evidence.appraisal.page_tables import PageTable
    from evidence.appraisal.questions import QuestionAnswer
    from evidence.figures import EvidenceFigure
    from evidence.figures.forest_table import ForestTable

__all__ = ["MIME", "publish_answer", "publish_figure", "publish_table"]

MIME = "application/vnd.evidence.item+json"


def publish_answer(answer: QuestionAnswer) -> None:
    """Show the answer to a question; under the report the first page shows it, too, if it is a main question.

    Parameters
    ----------
    answer : QuestionAnswer
        As `answer_question` gives it.

    Raises
    ------
    ReportError
        If the answer was published before in the same report.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.publish_answer(ev.answer_question(review, "massage-usual", deep=False))
    {'text/plain': 'Massag...
    """
    from IPython.display import display

    name, title = answer.question.id, answer.question.title
    bundle: dict[str, Any] = {
        "text/plain": answer.summary(),
        "text/html": f"<pre>{html.escape(answer.summary())}</pre>",
    }
    if _claim(_file_name(f"answer-{name}")):
        bundle[MIME] = {
            "kind": "answer",
            "name": name,
            "caption": title,
            "files": {},
            "answer": answer.record(),
        }
    display(bundle, raw=True)


def publish_figure(figure: EvidenceFigure, name: str, *, caption: str, folded: bool = False) -> None:
    """Show a figure with its caption; under the report also write it as SVG and the table of its numbers.

    Parameters
    ----------
    figure : EvidenceFigure
        A figure of `evidence.figures`. Its `alt_text` describes it to readers who cannot see it; its `numbers` are
        written as CSV.
    name : str
        What its files are called, used once in a report; a name that holds other than small letters, digits, ``_``,
        ``-`` and ``.`` is written as `evidence.files.file_name` says.
    caption : str
        Plain text that says what is shown.
    folded : bool
        Whether the page shows the caption alone until a reader opens it.

    Raises
    ------
    DataError
        If the name is empty.
    ReportError
        If the name is used for a second figure or table of the same report.

    Examples
    --------
    >>> import evidence as ev
    >>> effect = [-0.89, -1.59, -1.35, -1.44, -0.22, -0.79]
    >>> variance = [0.326, 0.195, 0.415, 0.020, 0.051, 0.007]
    >>> fit = ev.pool(effect, variance)
    >>> ev.publish_figure(ev.figures.forest(fit), "trials", caption="Six trials.")
    {'text/plain': 'Six tr...
    """
    name = _file_name(name)
    files: dict[str, str] = {}
    width, height = (round(96 * inches) for inches in figure.get_size_inches())
    if folder := _claim(name):
        files = _write_figure(figure, folder, name)
        # The notebook will lie in a folder beside that of the figures and links to them: nothing is kept twice.
        alt = html.escape(figure.alt_text)
        shown = f'<img alt="{alt}" width="{width}" height="{height}" src="../{files["SVG"]}">'
    else:
        shown = figure._repr_mimebundle_()[0]["text/html"]
    shown += f"<figcaption>{html.escape(caption)}</figcaption>"
    places = _places(figure) if files else []
    about = {"figure_kind": figure.kind, "alt": figure.alt_text, "width": width, "height": height}
    _display("figure", name, caption, files, shown, **about, places=places, folded=folded)


def publish_table(
    table: pd.DataFrame | PageTable | ForestTable,
    name: str,
    *,
    caption: str,
    decimals: int | Mapping[str, int] = 2,
    index: bool | None = None,
    folded: bool = False,
) -> None:
    """Show a table with its caption; under the report also write it as CSV with all digits.

    Parameters
    ----------
    table : DataFrame, PageTable or ForestTable
        One row for each thing; column names are the headings. Of a `PageTable` the texts are shown and the numbers
        written; a `ForestTable` is shown as it is, and its numbers are
        written.
    name : str
        What its files are called, used once in a report; a name that holds other than small letters, digits, ``_``,
        ``-`` and ``.`` is written as `evidence.files.file_name` says.
    caption : str
        Plain text that says what is shown.
    decimals : int or mapping from column name to int, default 2
        Decimal places shown of floating-point numbers; a column that the mapping leaves out has 2.
    index : bool, optional
        Whether the index is shown and written; by default unless it only counts rows.
    folded : bool
        Whether the page shows the caption alone until a reader opens it.

    Raises
    ------
    DataError
        If the name is empty.
    ReportError
        If the name is used for a second figure or table of the same report.

    Examples
    --------
    >>> import evidence as ev
    >>> effect = [-0.89, -1.59, -1.35, -1.44, -0.22, -0.79]
    >>> variance = [0.326, 0.195, 0.415, 0.020, 0.051, 0.007]
    >>> fit = ev.pool(effect, variance)
    >>> ev.publish_table(fit.to_frame(), "pooled", caption="Six trials, pooled.")
    {'text/plain': 'Six tr...
    """
    name = _file_name(name)
    written = table if isinstance(table, pd.DataFrame) else table.numbers
    drawn = "" if isinstance(table, pd.DataFrame) else getattr(table, "html", "")  # of a ForestTable
    seen: pd.DataFrame = table if isinstance(table, pd.DataFrame) else getattr(table, "shown", written)
    show_index = not isinstance(seen.index, pd.RangeIndex) if index is None else index
    shown = drawn or table_html(seen.reset_index() if show_index else seen, decimals)
    if not drawn and seen.empty:
        shown = "<p>There is nothing to show here.</p>"
    folder = _claim(name)
    files = {"CSV": _write_csv(written, folder, name, index=show_index)} if folder else {}
    captioned = f"<figcaption>{html.escape(caption)}</figcaption>{shown}"
    kind = getattr(table, "kind", "")
    _display("table", name, caption, files, captioned, html=shown, figure_kind=kind, folded=folded)


def _file_name(name: str) -> str:
    if not name:
        raise DataError("What is published needs a name, by which its files are called.")
    return file_name(name)


def _claim(name: str) -> Path | None:
    """Return the folder of the report being made, if one is, with the name taken in it."""
    if not (setting := os.environ.get(FOLDER_VARIABLE)):
        return None
    folder = Path(setting)
    for part in (".names", "figures", "tables"):
        (folder / part).mkdir(exist_ok=True)
    try:
        (folder / ".names" / name).touch(exist_ok=False)  # notebooks run side by side: one of them is first
    except FileExistsError:
        raise ReportError(
            f"Two figures or tables of the report are named {name!r}; give one another name."
        ) from None
    return folder


def _write_figure(figure: EvidenceFigure, folder: Path, name: str) -> dict[str, str]:
    from evidence.figures import save
    from evidence.report.shrink import shrink_svg

    svg, numbers = save(figure, folder / "figures" / name, "svg", text="text")
    shrink_svg(svg)
    numbers.unlink()  # the description is in the SVG, and the numbers follow with all digits
    return {
        "SVG": svg.relative_to(folder).as_posix(),
        "numbers as CSV": _write_csv(figure.numbers, folder, name),
    }


def _places(figure: EvidenceFigure) -> list[list[Any]]:
    """Return where the names in a figure stand, in percent, so that the page can make them links."""
    return [
        [text, *(round(number, 2) for number in box)]
        for text, *box in figure.places()
        if re.search(r"[^\W\d_]{3}", text)
    ]


def _write_csv(table: pd.DataFrame, folder: Path, name: str, *, index: bool = False) -> str:
    write_csv(table, folder / "tables" / f"{name}.csv", index=index)
    return f"tables/{name}.csv"


def _display(kind: str, name: str, caption: str, files: dict[str, str], shown: str, **more: Any) -> None:
    from IPython.display import display

    record = {"kind": kind, "name": name, "caption": caption, "files": files, **more}
    bundle = {"text/plain": caption, "text/html": f"<figure>{shown}</figure>"}
    display({MIME: record, **bundle} if files else bundle, raw=True)
