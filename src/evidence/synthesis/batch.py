"""Every comparison of a table, of a file, or of a folder of reviews, fitted under several models."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from evidence.errors import DataError
from evidence.models.scale.batch import BatchPlan, batch_table
from evidence.models.scale.cluster import run
from evidence.tables.importing.read import import_revman, is_revman_file
from evidence.tables.review import Review, read_review

__all__ = ["batch", "read_library"]

COLUMNS = ["review", "comparison", "label", "effect", "variance", "fault"]


def batch(
    source: Any,
    by: Sequence[str] = ("review", "comparison"),
    effect: str = "effect",
    variance: str = "variance",
    methods: Sequence[str] = ("REML",),
    ci: Sequence[str] = ("HKSJ",),
    *,
    se: str | None = None,
    measure: str | None = None,
    level: float = 0.95,
    prediction: str = "V",
    output: str | Path | None = None,
    workers: int | None = None,
    cluster: Any = None,
    block: int | None = None,
    collect: bool = True,
    progress: Callable[[int, int], None] | None = None,
    note: Callable[[str], None] | None = None,
) -> pd.DataFrame:
    """Fit every comparison of a table, a file or a folder of reviews under several models.

    No comparison is lost: one that cannot be fitted has a row with the reason. The numbers are those of `pool`, bit
    for bit the same whatever the block, the number of workers and whether the run was interrupted.

    Parameters
    ----------
    source : DataFrame (of pandas, polars, pyarrow, ...), or path
        One row a study. A path is a table (.parquet, .csv, .arrow) or a folder of reviews: files of RevMan and
        folders with a review.yaml. Files of more than a million rows are read as a stream; the rows of a comparison
        must then stand together.
    by : sequence of str
        Columns that name a comparison; in CSV files they are taken as text.
    effect, variance : str
        Columns of the effects, on an additive scale, and of their sampling variances. A study without both is left
        out and counted under ``omitted``; a comparison with a study that has one of them is listed as a failure.
    methods, ci : sequence of str
        Estimators of tau2 and intervals, as `method` and `ci` of `pool`, each of which must go with each.
    se : str, optional
        Column of standard errors, in place of the variances.
    measure : str, optional
        A measure of `effect_size`, or the column that names one a row: effects are then computed from the columns
        with the names of its arguments (a, b, c, d; events1, n1, events2, n2; m1, sd1, n1, m2, sd2, n2; ...).
    level, prediction
        As for `pool`.
    output : path, optional
        Parquet file of the results. Parts are kept beside it until it is complete: after an interruption the same
        call goes on where it stopped. Needs the optional group ``scale``, as do Parquet and Arrow files.
    workers : int, optional
        Processes of this machine; by default one. Needs the group ``scale``, and in a script a main guard.
    cluster : optional
        "local", the address of a Dask scheduler, or a client of Dask.
    block : int, optional
        Rows of the table worked on at a time (32,768); comparisons are never cut.
    collect : bool
        With False the results stay in `output`, and only the rows of comparisons that could not be fitted are read
        back: memory is bounded whatever the number of results.
    progress : callable, optional
        Called with how much is done and how much there is.
    note : callable, optional
        Takes a sentence about the cluster; by default it goes to standard error.

    Returns
    -------
    DataFrame
        One row a comparison, method and interval: the columns of `by`, method, ci, k (studies), omitted, estimate,
        se, ci_low, ci_high, p_value, df, tau2, i2 (percent), q, q_p, prediction_low, prediction_high and error (why
        there are no numbers; empty where there are). Comparisons are in the order of the table.

    Raises
    ------
    DataError
        If an option is unknown, a column is missing, a file cannot be read, or a part of the group ``scale`` is
        needed and absent.
    ModelError
        If the scheduler was lost.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> comparisons = pd.DataFrame(
    ...     {
    ...         "review": ["r"] * 3,
    ...         "comparison": ["c"] * 3,
    ...         "effect": [-0.89, -1.59, -1.35],
    ...         "variance": [0.326, 0.195, 0.415],
    ...     }
    ... )
    >>> fits = ev.batch(comparisons, methods=["REML", "DL"], ci=["HKSJ", "z"])
    >>> fits[["method", "ci", "k", "estimate"]].round(3)
      method    ci  k  estimate
    0   REML  HKSJ  3    -1.333
    1   REML     z  3    -1.333
    2     DL  HKSJ  3    -1.333
    3     DL     z  3    -1.333
    """
    plan = BatchPlan(
        by=(by,) if isinstance(by, str) else tuple(by),
        effect=effect,
        variance=variance,
        se=se,
        measure=measure,
        methods=(methods,) if isinstance(methods, str) else tuple(methods),
        ci=(ci,) if isinstance(ci, str) else tuple(ci),
        level=level,
        prediction=prediction,
    )
    if not collect and output is None:
        raise DataError("collect=False leaves the results in a file; name it by output=.")
    if isinstance(source, str | Path) and Path(source).is_dir():
        if plan.by != ("review", "comparison") or measure is not None or se is not None:
            raise DataError("a folder of reviews has its own columns; leave by, measure and se out.")
        source = read_library(source, workers=workers, cluster=cluster, note=note)
        plan = replace(plan, effect="effect", variance="variance", fault="fault")
    found = batch_table(
        source,
        plan,
        output=output,
        workers=workers,
        cluster=cluster,
        block=block,
        progress=progress,
        note=note,
    )
    if found is not None:
        return found
    return pd.read_parquet(output, filters=None if collect else [("error", "!=", "")])  # type: ignore[arg-type]


def read_library(
    folder: str | Path,
    *,
    workers: int | None = None,
    cluster: Any = None,
    note: Callable[[str], None] | None = None,
) -> pd.DataFrame:
    """Read the effects of every analysis of every review in a folder.

    Parameters
    ----------
    folder : path
        Files of RevMan (.rm5, .xml, .csv) and folders with a review.yaml, at any depth.
    workers, cluster, note
        As for `batch`.

    Returns
    -------
    DataFrame
        One row a comparison of a trial: review (path within the folder), comparison (id of the analysis), label,
        effect, variance and fault. A review or analysis that cannot be read has one row, with the reason under
        ``fault``.

    Raises
    ------
    DataError
        If there is no review in the folder.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> import evidence as ev
    >>> library = mkdtemp()
    >>> folder = ev.init_review(library + "/one")
    >>> ev.read_library(library)[["review", "comparison"]].drop_duplicates().shape
    (2, 2)
    """
    top = Path(folder)
    inside = [path.parent for path in sorted(top.rglob("review.yaml"))]
    files = [
        path
        for path in sorted(top.rglob("*"))
        if path.suffix.lower() in (".rm5", ".xml", ".csv") and not any(one in path.parents for one in inside)
    ]
    if not inside and not files:
        raise DataError(f"{top} holds no review: neither a file of RevMan nor a folder with a review.yaml.")
    places = sorted([*inside, *files])
    blocks = ((number, (place, str(place.relative_to(top)))) for number, place in enumerate(places))
    with closing(run(_read, blocks, workers=workers, cluster=cluster, note=note)) as results:
        parts = dict(results)
    return pd.concat([parts[number] for number in range(len(places))], ignore_index=True)


def _read(place: Path, name: str) -> pd.DataFrame:
    """Effects of one review; what cannot be read becomes a row that says why."""
    try:
        if place.is_dir():
            return _effects(read_review(place), name)
        if not is_revman_file(place):
            return _fault(name, "", "a table of another kind than RevMan's; import it first")
        with tempfile.TemporaryDirectory() as folder:
            return _effects(import_revman(place).write(Path(folder) / "review"), name)
    except Exception as error:  # one unreadable file of thousands must not lose the others
        return _fault(name, "", _why(error))


def _effects(review: Review, name: str) -> pd.DataFrame:
    parts = []
    for analysis in review.analyses:
        try:
            found = review.effects(analysis)
        except Exception as error:
            parts.append(_fault(name, analysis, _why(error)))
            continue
        if found.empty:
            parts.append(_fault(name, analysis, "no comparison of this analysis can be pooled"))
            continue
        rows = found[["label", "effect", "variance"]].assign(review=name, comparison=analysis, fault="")
        parts.append(rows[COLUMNS])
    if not parts:
        return _fault(name, "", "the review has no analysis")
    return pd.concat(parts, ignore_index=True)


def _fault(review: str, comparison: str, why: str) -> pd.DataFrame:
    row = [review, comparison, "", float("nan"), float("nan"), why]
    return pd.DataFrame([row], columns=COLUMNS).astype({"effect": float, "variance": float})


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, DataError) else f"{type(error).__name__}: {error}"
