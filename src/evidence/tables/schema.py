"""What the tables of a review hold: one description from which validation and the data package are made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from evidence.measures import PAIR_MEASURES, REVIEW_MEASURES

__all__ = ["MOST_PEOPLE", "READING_TABLES", "TABLES", "Column", "Table", "doubt"]

MOST_PEOPLE = 10**10
"""No count of people is larger: there are not more."""

Kind = Literal["text", "integer", "number"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    name, description : str
        Header of the column and what it says.
    kind : {"text", "integer", "number"}
        How its values are read.
    required : bool
        Whether a cell may not be empty.
    choices : tuple of str
        The vocabulary, where there is one.
    minimum, maximum : float or None
        Inclusive bounds of a number.
    optional : bool
        Whether a file may lack the column; its cells then count as empty.
    rare : bool
        Whether a new table has the column only where a row has a value for it; such a column is optional.
    """

    name: str
    description: str = ""
    kind: Kind = "text"
    required: bool = False
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    optional: bool = False
    rare: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a review.

    Attributes
    ----------
    name : str
        Name of the table; its file is ``<name>.csv``.
    columns : tuple of Column
    key : tuple of str
        Columns that together identify a row; empty when there is no key.
    references : tuple of (columns, table)
        Foreign keys: the columns must exist, under the same names or in the key's order, in that table.
    needed : bool
        Whether a review without this table makes no sense.
    as_printed : bool
        Whether the table keeps what one reader saw, contradictions included.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    references: tuple[tuple[tuple[str, ...], str], ...] = ()
    needed: bool = False
    as_printed: bool = False

    @property
    def file(self) -> str:
        """File name relative to the folder of the review."""
        return f"{self.name}.csv"


DOUBT = "CHECK:"
"""Begins a note on a row that a reader doubts; may stand within one too."""


def doubt(note: str) -> str:
    """Say why a reader doubts a row, from a note that begins with ``CHECK:``; empty for any other note."""
    words = note.removeprefix(DOUBT)
    return "" if words == note else words.replace(DOUBT, "").strip() or "no reason given"


def _text(
    name: str, description: str = "", *, required: bool = False, choices: tuple[str, ...] = ()
) -> Column:
    return Column(name, description, required=required, choices=choices)


def _number(name: str, description: str = "", low: float | None = None, high: float | None = None) -> Column:
    return Column(name, description, kind="number", minimum=low, maximum=high)


def _rare(name: str, description: str, low: float, high: float | None = None) -> Column:
    return replace(_number(name, description, low, high), optional=True, rare=True)


def _integer(name: str, description: str = "", low: float = 0, high: float = MOST_PEOPLE) -> Column:
    return Column(name, description, kind="integer", minimum=low, maximum=high)


_TRIAL_ID = _text("trial_id", "identifier of the trial", required=True)
_OUTCOME = _text("outcome", "outcome of the protocol", required=True)
_MEASURED = (
    _OUTCOME,
    _text("instrument", "usual short name of the instrument"),
    _number("scale_min", "lowest score of the version used"),
    _number("scale_max", "highest score of the version used"),
    _number("timepoint_weeks", "weeks from randomisation; 0 is baseline", 0),
    _text(
        "statistic",
        "post, change from baseline, or count",
        required=True,
        choices=("post", "change", "count"),
    ),
)
_ADJUSTED = _text("adjusted", "adjusted for baseline or modelled", choices=("yes", "no", "unclear"))
_SOURCE = (
    _text("as_reported", "the printed phrase"),
    _text("source_url", "address of the text that was read", required=True),
    _text(
        "source_kind",
        "kind of text that was read",
        required=True,
        choices=("abstract", "full_text", "registry", "secondary"),
    ),
    _text("locator", "place in that text"),
    _text("readers", "readings that hold the row"),
    _text("status", "agreement of the readings", choices=("confirmed", "resolved", "single")),
    _text("note", "remark; one that begins with CHECK: keeps the row out of pooling"),
)
_ARM_VALUES = (
    _integer("n", "participants analysed", 1),
    _number("mean"),
    _number("sd", "standard deviation", 0),
    _number("se", "standard error of the mean", 0),
    _number("ci_low", "lower bound of the 95% confidence interval of the mean"),
    _number("ci_high", "upper bound of the 95% confidence interval of the mean"),
    _number("median"),
    _number("q1", "first quartile"),
    _number("q3", "third quartile"),
    _integer("events", "participants with the event; with person_time, the events"),
    _rare("person_time", "time at risk of all participants, in one unit throughout", 0),
    _rare("correlation", "of two measurements in the arm", -1, 1),
    _ADJUSTED,
)
_CONTRAST_VALUES = (
    _text("measure", "measure of the difference", choices=PAIR_MEASURES),
    _number("estimate", "score in the arm minus score in the comparator, or their ratio"),
    _number("ci_low", "lower bound of the confidence interval"),
    _number("ci_high", "upper bound of the confidence interval"),
    _number("ci_level", "confidence level in percent", 0, 100),
    _number("se", "standard error of the estimate", 0),
    _number("p_value", "P value or its bound", 0, 1),
    _text("p_operator", "= exact, < or > a bound", choices=("=", "<", ">")),
    _integer("n_arm", "participants analysed in the arm", 1),
    _integer("n_comparator", "participants analysed in the comparator arm", 1),
    _ADJUSTED,
    Column(
        "direction",
        "without an estimate, which arm the printed words favour; neither if they see no difference",
        choices=("arm", "comparator", "neither"),
        optional=True,
    ),
)
_SCALE = (_number("scale_min", "lowest score"), _number("scale_max", "highest score"))
_DIRECTION = _text(
    "higher_means",
    "direction of the scale; where hazards are compared, of the hazard",
    choices=("worse", "better"),
)

_TRIALS = Table(
    "trials",
    (
        _TRIAL_ID,
        _text("label", "author and year, as shown in figures", required=True),
        _integer("year", "year of publication", 1900, 2100),
        _text("design", required=True, choices=("parallel", "factorial", "crossover", "cluster", "unknown")),
        _text("population"),
        _text("country"),
        _text("registration", "number in a trial registry"),
        _integer("n_randomised", "participants randomised", 1),
        _text("doi"),
        _text("pmid"),
        _text("pmcid"),
        _text("citation", required=True),
        Column("harms", "what the trial says about harm beside its result rows, in words", optional=True),
        _text("notes"),
    ),
    key=("trial_id",),
    needed=True,
)
_ARMS = Table(
    "arms",
    (
        _TRIAL_ID,
        _text("arm_id", "identifier of the arm within its trial", required=True),
        _text("label", required=True),
        _text("components", "what the arm received, joined by +", required=True),
        _text("description"),
        _text("kind", required=True, choices=("randomised", "margin", "cell")),
        _integer("n_randomised", "participants randomised", 1),
        _integer("sessions"),
        _number("weeks", "duration of treatment", 0),
    ),
    key=("trial_id", "arm_id"),
    references=((("trial_id",), "trials"),),
    needed=True,
)
_ARM_RESULTS = Table(
    "arm_results",
    (
        _text("result_id", required=True),
        _TRIAL_ID,
        _text("arm_id", required=True),
        *_MEASURED,
        *_ARM_VALUES,
        *_SOURCE,
    ),
    key=("result_id",),
    references=((("trial_id", "arm_id"), "arms"), (("instrument",), "instruments")),
)
_CONTRAST_RESULTS = Table(
    "contrast_results",
    (
        _text("result_id", required=True),
        _TRIAL_ID,
        _text("arm_id", required=True),
        _text("comparator_arm_id", required=True),
        *_MEASURED,
        *_CONTRAST_VALUES,
        *_SOURCE,
    ),
    key=("result_id",),
    references=(
        (("trial_id", "arm_id"), "arms"),
        (("trial_id", "comparator_arm_id"), "arms"),
        (("instrument",), "instruments"),
    ),
)
_RISK_OF_BIAS = Table(
    "risk_of_bias",
    (
        _TRIAL_ID,
        _text("domain", required=True),
        _text("judgement", required=True, choices=("low", "some", "unclear", "high")),
        _text("basis", "what the judgement rests on"),
        _text("readers"),
    ),
    key=("trial_id", "domain"),
    references=((("trial_id",), "trials"),),
)

TABLES: tuple[Table, ...] = (
    _TRIALS,
    _ARMS,
    Table(
        "instruments",
        (
            _text("instrument", required=True),
            _text("full_name"),
            _text("construct", "outcome that it measures", required=True),
            _text("family", "instrument whose place in the order of preference it takes", required=True),
            replace(_DIRECTION, required=True),
            *_SCALE,
            _text("note"),
        ),
        key=("instrument",),
        needed=True,
    ),
    _ARM_RESULTS,
    _CONTRAST_RESULTS,
    _RISK_OF_BIAS,
    Table(
        "excluded",
        (_TRIAL_ID, _text("label"), _text("reason", required=True)),
        key=("trial_id",),
    ),
    Table(
        "agreement",
        (
            _text("table", required=True),
            _text("field", required=True),
            _TRIAL_ID,
            _text("result_id"),
            _text("value_a", "value of the first reading"),
            _text("value_b", "value of the second reading"),
            _text("consensus"),
            _text("agreed", required=True, choices=("yes", "no")),
        ),
    ),
    Table(
        "important_changes",
        (
            _text("instrument", required=True),
            _text("full_name"),
            _text("construct"),
            *_SCALE,
            _DIRECTION,
            _number("minimal_important_change"),
            _text("change_type", choices=("absolute", "percent")),
            _text("source"),
            _text("doi"),
            _text("source_url"),
            _text("as_reported"),
        ),
    ),
    Table(
        "reviews",
        (
            _text("review_id", required=True),
            _text("label", required=True),
            _integer("year", "", 1900, 2100),
            _text("comparison"),
            _text("population"),
            _text("intervention"),
            _text("comparator"),
            _text("outcome"),
            _text("timeframe"),
            _integer("k", "studies"),
            _integer("n", "participants"),
            _text("measure", choices=REVIEW_MEASURES),
            _number("estimate"),
            _number("ci_low"),
            _number("ci_high"),
            _number("i2", "percent", 0, 100),
            _text("model"),
            _text("unit_or_scale"),
            _text("certainty", "GRADE certainty stated by the review"),
            _text("doi"),
            _text("pmid"),
            _text("source_url", required=True),
            _text("locator"),
            _text("as_reported"),
        ),
    ),
    Table(
        "review_trials",
        (
            _text("review_id", required=True),
            _text("comparison", "as in reviews; empty where only the inclusion of the trial is known"),
            _text("outcome"),
            _text("timeframe"),
            _text("label", "trial as the review names it", required=True),
            _text("trial_id", "trial of these tables, where it is known"),
            _number("m1", "mean of the intervention arm"),
            _number("sd1", "its standard deviation", 0),
            _integer("n1", "its participants", 1),
            _number("m2", "mean of the comparator arm"),
            _number("sd2", "its standard deviation", 0),
            _integer("n2", "its participants", 1),
            _text("source_url", required=True),
            _text("locator"),
            _text("as_reported"),
            _text("note"),
        ),
    ),
    Table(
        "guidelines",
        (
            _text("body", required=True),
            _integer("year", "", 1900, 2100),
            _text("recommendation", required=True),
            _text("strength"),
            _text("certainty"),
            _text("doi"),
            _text("source_url", required=True),
            _text("as_reported"),
        ),
    ),
    Table(
        "claims",
        (
            _text("claim_id", required=True),
            _text("section"),
            _text("claim", required=True),
            _text("kind"),
            _text("intervention", "components, joined by |"),
            _text("comparator"),
            _text("outcome", "outcomes, joined by |"),
            _text("window"),
            _text("cited_as"),
            _text("note"),
        ),
        key=("claim_id",),
    ),
    Table(
        "citations",
        (
            _text("citation_id", required=True),
            _text("field", required=True),
            _text("as_cited"),
            _text("found"),
            _text("agrees", required=True, choices=("yes", "no")),
            _text("evidence"),
        ),
        key=("citation_id", "field"),
    ),
    Table(
        "prisma_checklist",
        (
            _text("item", "number in PRISMA 2020, such as 13a", required=True),
            _text("section", required=True),
            _text("topic", "what the item asks, in a few words", required=True),
            _text("status", required=True, choices=("yes", "partly", "no", "not applicable")),
            _text("where", "pages or files, parted by semicolons"),
            _text("comment"),
        ),
        key=("item",),
    ),
    Table(
        "judgements",
        (
            _text("rule", "rule of the plausibility checks", required=True),
            _text("file", "table of the finding", required=True),
            _text("key", "result, trial, or trial/arm of the finding; * for all of the rule", required=True),
            _text("column", "column of the finding", required=True),
            _text(
                "judgement",
                "what a reader thinks of the finding",
                required=True,
                choices=("agree", "explained", "false alarm"),
            ),
            _text("comment", "why", required=True),
        ),
        key=("rule", "file", "key", "column"),
    ),
)


def _reading(table: Table) -> Table:
    """Shape of a table as one reader filled it in: own identifiers, no reconciliation columns."""
    own = {"result_id", "kind", "direction", "harms", "readers", "status", "note", "as_reported"}
    columns = [replace(column, required=False) for column in table.columns if column.name not in own]
    if table.name in {"arm_results", "contrast_results"}:
        columns.append(Column("seen", "the printed phrase", optional=True))
    return Table(table.name, (Column("batch", optional=True), *columns), as_printed=True)


READING_TABLES: tuple[Table, ...] = tuple(
    _reading(table) for table in (_TRIALS, _ARMS, _ARM_RESULTS, _CONTRAST_RESULTS, _RISK_OF_BIAS)
)
