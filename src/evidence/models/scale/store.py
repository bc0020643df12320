"""Results on the way to a Parquet file: a part a block, so that an interrupted run goes on where it stopped."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from evidence.errors import DataError
from evidence.files import json_content
from evidence.models.scale.cluster import SCALE

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Store", "arrow"]

GROUP = 2**17
"""Rows of a row group of the finished file, whatever the blocks were."""


def arrow() -> Any:
    """Give pyarrow with its Parquet module, or say how to install it."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise DataError(f"Parquet and Arrow files need pyarrow; {SCALE}") from error
    return pyarrow


class Store:
    """Parts of a result in the folder `<output>.parts`, and the finished file.

    Parameters
    ----------
    output : path
        The Parquet file to be.
    plan : dict
        Everything the parts depend on, as JSON can hold it. Parts of another plan are refused.
    """

    def __init__(self, output: str | Path, plan: dict[str, Any]) -> None:
        self.pa = arrow()
        self.output = Path(output)
        if self.output.suffix != ".parquet":
            raise DataError(f"output is '{self.output}'; results are written as Parquet: end it in .parquet")
        if self.output.is_dir():
            raise DataError(f"output '{self.output}' is a folder; name a file")
        self.folder = self.output.with_name(self.output.name + ".parts")
        self.folder.mkdir(parents=True, exist_ok=True)
        note = self.folder / "plan.json"
        text = json.dumps(plan, indent=1, sort_keys=True)
        if note.exists():
            try:
                before = dict(json_content(note))
            except (OSError, ValueError, TypeError):
                raise DataError(
                    f"{note} is no plan of a run; name another output, or remove the folder."
                ) from None
            differing = sorted(
                name for name in before.keys() | plan.keys() if before.get(name) != json.loads(text).get(name)
            )
            if differing:
                raise DataError(
                    f"{self.folder} holds parts of another run, which differs in {', '.join(differing)}. Finish that "
                    "run with the same call as before, name another output, or remove the folder."
                )
        else:
            _put(note, text.encode())

    @property
    def done(self) -> set[int]:
        """Numbers of the blocks that are there."""
        return {int(path.stem) for path in self.folder.glob("*.parquet")}

    def write(self, number: int, frame: pd.DataFrame) -> None:
        """Keep what came of a block; a part is whole or absent."""
        place = self._part(number)
        beside = place.with_suffix(".tmp")
        table = self.pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
        self.pa.parquet.write_table(table, beside)
        beside.replace(place)

    def read(self, number: int) -> pd.DataFrame:
        """Give back what came of a block."""
        return self.pa.parquet.read_table(self._part(number)).to_pandas()

    def finish(self, count: int) -> None:
        """Join the parts of all blocks in order, write the file in one step and remove the parts."""
        missing = set(range(count)) - self.done
        if missing:
            raise DataError(f"{len(missing)} of {count} parts are missing in {self.folder}")
        beside = self.output.with_name(self.output.name + ".tmp")
        held: list[pa.Table] = []
        rows = 0
        writer = None
        for number in range(count):
            table = self.pa.parquet.read_table(self._part(number))
            if writer is None:
                schema = _wide(self.pa, table.schema)
                writer = self.pa.parquet.ParquetWriter(beside, schema)
            held.append(table.cast(schema))
            rows += table.num_rows
            while rows >= GROUP:
                whole = self.pa.concat_tables(held).combine_chunks()
                writer.write_table(whole.slice(0, GROUP), row_group_size=GROUP)
                held = [whole.slice(GROUP)]
                rows -= GROUP
        if writer is None:
            raise DataError("there is nothing to write: no comparison was found")
        if rows:
            writer.write_table(self.pa.concat_tables(held).combine_chunks(), row_group_size=GROUP)
        writer.close()
        beside.replace(self.output)
        shutil.rmtree(self.folder)
        self.pa.default_memory_pool().release_unused()

    def close(self, frame: pd.DataFrame) -> None:
        """Write a result that was worked out from the parts, in one step, and remove the parts."""
        beside = self.output.with_name(self.output.name + ".tmp")
        table = self.pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
        self.pa.parquet.write_table(table, beside)
        beside.replace(self.output)
        shutil.rmtree(self.folder)

    def _part(self, number: int) -> Path:
        return self.folder / f"{number:08d}.parquet"


def _wide(pa: Any, schema: pa.Schema) -> pa.Schema:
    """Text in one type, and a column that is empty in the first part as text."""
    text = (pa.types.is_string, pa.types.is_large_string, pa.types.is_null, pa.types.is_dictionary)
    fields = [
        pa.field(one.name, pa.string() if any(is_kind(one.type) for is_kind in text) else one.type)
        for one in schema
    ]
    return pa.schema(fields)


def _put(place: Path, content: bytes) -> None:
    beside = place.with_suffix(".tmp")
    beside.write_bytes(content)
    beside.replace(place)
