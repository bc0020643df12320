"""What the results of a batch say together: how often the conclusion hangs on the method, and the heterogeneity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evidence.errors import DataError
from evidence.models.scale.store import arrow
from evidence.results import Shown

__all__ = ["BatchSummary", "batch_summary"]

CHUNK = 2**17
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
NEEDED = ("method", "ci", "k", "estimate", "ci_low", "ci_high", "tau2", "i2", "error")
BINS = 20


@dataclass(frozen=True, eq=False, repr=False)
class BatchSummary(Shown):
    """Result of `batch_summary`.

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
    >>> print(ev.batch_summary(fits).summary().splitlines()[0])
    1 comparisons, 0 of which could not be fitted
    """

    comparisons: int
    """Number of comparisons, those that could not be fitted among them."""
    failed: int
    """Number of comparisons that could not be fitted."""
    reference: tuple[str, str]
    """Method and interval with which the others are compared: the first ones."""
    changes: pd.DataFrame
    """One row a method and interval: ``positive``, ``negative``, ``open``: share of intervals above, below and
    with zero; ``changed``: share of comparisons whose conclusion differs from the reference; ``gained``, ``lost``:
    ... that come to exclude zero, and that no longer do; ``wider``: median ratio of its width to the reference's."""
    heterogeneity: pd.DataFrame
    """One row a method and quantity (tau2, i2): share of zero, and quantiles, over comparisons of at least two
    studies."""
    i2_counts: pd.DataFrame
    """One row a method and bin of I2 of five percent: ``low``, ``high`` and the number of comparisons."""

    def to_frame(self) -> pd.DataFrame:
        """One row a method and interval, as `changes`."""
        return self.changes.copy()

    def summary(self) -> str:
        """Describe the batch as text."""
        shares = ["positive", "negative", "open", "changed", "gained", "lost"]
        table = self.changes.assign(**{name: 100.0 * self.changes[name] for name in shares})
        forms = dict.fromkeys(shares, "{:.2f}%".format) | {"wider": "{:.3f}".format}
        spread = self.heterogeneity.assign(zero=100.0 * self.heterogeneity["zero"])
        heads = {"zero": "zero"} | {f"q{100 * q:g}": f"{100 * q:g}%" for q in QUANTILES}
        return "\n\n".join(
            [
                f"{self.comparisons:,} comparisons, {self.failed:,} of which could not be fitted\n"
                f"Conclusions against {' with '.join(self.reference)}:",
                table.to_string(index=False, formatters=forms),
                "Heterogeneity (comparisons of at least two studies; share of zero in percent, and quantiles):",
                spread.rename(columns=heads).to_string(index=False, float_format="{:.4g}".format),
            ]
        )


def batch_summary(results: Any) -> BatchSummary:
    """Summarise the results of `batch`: how often conclusions change with the method; distribution of tau2 and I2.

    Parameters
    ----------
    results : DataFrame or path
        What `batch` returned, or the Parquet file it wrote, which is read as a stream.

    Returns
    -------
    BatchSummary

    Raises
    ------
    DataError
        If the table is not one of `batch`, or holds no comparison.

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
    >>> ev.batch_summary(fits).comparisons
    1
    """
    ways: list[tuple[str, str]] = []
    count = failed = 0
    outcomes: Any = None
    changed: Any = None
    wider: dict[int, list[np.ndarray]] = {}
    spreads: dict[str, dict[str, list[np.ndarray]]] = {}
    for chunk, ways in _comparisons(results):
        m = len(ways)
        low, high = (chunk[name].to_numpy(np.float64).reshape(-1, m) for name in ("ci_low", "ci_high"))
        fine = (chunk["error"].fillna("") == "").to_numpy().reshape(-1, m)[:, 0]
        count, failed = count + len(fine), failed + int((~fine).sum())
        low, high = low[fine], high[fine]
        sign = (low > 0.0).astype(int) - (high < 0.0).astype(int)
        first = sign[:, :1]
        found = np.array([(sign == 1).sum(0), (sign == -1).sum(0), (sign == 0).sum(0)])
        moved = np.array(
            [
                (sign != first).sum(0),
                ((first == 0) & (sign != 0)).sum(0),
                ((first != 0) & (sign == 0)).sum(0),
            ]
        )
        outcomes = found if outcomes is None else outcomes + found
        changed = moved if changed is None else changed + moved
        width = high - low
        for column in range(1, m):
            some = width[:, 0] > 0.0
            ratio = (width[some, column] / width[some, 0]).astype(np.float32)
            wider.setdefault(column, []).append(ratio)
        several = fine & (chunk["k"].to_numpy().reshape(-1, m)[:, 0] > 1)
        for column, (method, _) in enumerate(ways):
            if method in [one for one, _ in ways[:column]]:
                continue
            for name in ("tau2", "i2"):
                values = chunk[name].to_numpy(np.float64).reshape(-1, m)[several, column]
                spreads.setdefault(method, {}).setdefault(name, []).append(values.astype(np.float32))
    if not ways:
        raise DataError("the results hold no comparison.")
    return BatchSummary(
        count,
        failed,
        ways[0],
        _changes(ways, outcomes, changed, wider),
        *_heterogeneity(spreads),
    )


def _changes(
    ways: list[tuple[str, str]], outcomes: Any, changed: Any, wider: dict[int, list[np.ndarray]]
) -> pd.DataFrame:
    total = np.maximum(outcomes.sum(axis=0), 1)
    names = ("positive", "negative", "open", "changed", "gained", "lost")
    shares = dict(zip(names, np.concatenate([outcomes, changed]) / total, strict=True))
    middle = [1.0, *(_quantiles(_ordered(wider[column]), (0.5,))[0] for column in range(1, len(ways)))]
    return pd.DataFrame(ways, columns=["method", "ci"]).assign(**shares, wider=middle)


def _heterogeneity(spreads: dict[str, dict[str, list[np.ndarray]]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    rows, counts = [], []
    edges = np.linspace(0.0, 100.0, BINS + 1)
    for method, quantities in spreads.items():
        for name, parts in quantities.items():
            values = _ordered(parts)
            at = _quantiles(values, QUANTILES)
            zero = float((values == 0.0).mean()) if values.size else np.nan
            rows.append([method, name, zero, *at])
            if name == "i2":
                number = np.histogram(values, bins=edges)[0]
                counts.append(
                    pd.DataFrame(
                        {"method": method, "low": edges[:-1], "high": edges[1:], "comparisons": number}
                    )
                )
    heads = ["method", "quantity", "zero", *(f"q{100 * q:g}" for q in QUANTILES)]
    return pd.DataFrame(rows, columns=heads), pd.concat(counts, ignore_index=True)


def _ordered(parts: list[np.ndarray]) -> np.ndarray:
    """Join and sort, holding the values twice at most: there may be ten million."""
    values = np.concatenate(parts)
    parts.clear()
    values.sort()
    return values


def _quantiles(ordered: np.ndarray, p: Sequence[float]) -> np.ndarray:
    """Quantiles of sorted values, linear between them; NaN of none."""
    if not ordered.size:
        return np.full(len(p), np.nan)
    place = np.asarray(p) * (ordered.size - 1)
    below = place.astype(int)
    above = np.minimum(below + 1, ordered.size - 1)
    low, high = ordered[below].astype(float), ordered[above].astype(float)
    return low + (place - below) * (high - low)


def _comparisons(results: Any) -> Iterator[tuple[pd.DataFrame, list[tuple[str, str]]]]:
    """Yield chunks of whole comparisons, with the methods and intervals of each."""
    chunks = iter([results]) if isinstance(results, pd.DataFrame) else _stream(Path(results))
    ways: list[tuple[str, str]] = []
    rest: pd.DataFrame | None = None
    for new in chunks:
        missing = [name for name in NEEDED if name not in new]
        if missing:
            raise DataError(f"these are no results of batch: there is no column {', '.join(missing)}.")
        chunk = new if rest is None else pd.concat([rest, new], ignore_index=True)
        if not len(chunk):
            continue
        if not ways:
            pairs = list(zip(chunk["method"].head(1000), chunk["ci"].head(1000), strict=True))
            ways = pairs[: pairs.index(pairs[0], 1) if pairs[0] in pairs[1:] else len(pairs)]
        whole = len(chunk) // len(ways) * len(ways)
        rest = chunk.iloc[whole:]
        yield chunk.iloc[:whole], ways
    if rest is not None and len(rest):
        raise DataError("the results break off within a comparison; give the whole table of batch.")


def _stream(path: Path) -> Iterator[pd.DataFrame]:
    if not path.is_file():
        raise DataError(f"there is no file '{path}'")
    # Without buffering ahead: it would keep what was read.
    with arrow().parquet.ParquetFile(path, pre_buffer=False) as file:
        names = [name for name in NEEDED if name in file.schema_arrow.names]
        for batch in file.iter_batches(CHUNK, columns=names):
            yield batch.to_pandas()
