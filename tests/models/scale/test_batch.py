from __future__ import annotations

import builtins
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import evidence as ev
from evidence.models.scale import store, tables
from evidence.models.scale.store import Store

WAYS: dict[str, Any] = {"methods": ["REML", "DL"], "ci": ["HKSJ", "z"]}


def long_table(n: int = 60, seed: int = 3) -> pd.DataFrame:
    """Comparisons of one to eight studies."""
    rng = np.random.default_rng(seed)
    code = np.repeat(np.arange(n), rng.integers(1, 9, n))
    variance = 10.0 ** rng.uniform(-3, 0, code.size)
    effect = rng.normal(size=code.size) * np.sqrt(variance + 0.1)
    return pd.DataFrame(
        {"review": [f"R{i // 7}" for i in code], "comparison": code, "effect": effect, "variance": variance}
    )


def test_each_comparison_as_pool_fits_it() -> None:
    frame = long_table()
    result = ev.batch(frame, **WAYS)
    assert len(result) == 60 * 4
    assert (result["error"] == "").all()
    groups = frame.groupby("comparison", sort=False)
    for row in result.to_dict("records"):
        group = groups.get_group(row["comparison"])
        fit = ev.pool(
            group["effect"].to_numpy(),
            group["variance"].to_numpy(),
            method=str(row["method"]),
            ci=str(row["ci"]),
        )
        for name in ("k", "estimate", "se", "ci_low", "ci_high", "tau2", "i2", "q", "q_p", "prediction_low"):
            np.testing.assert_allclose(row[name], getattr(fit, name), rtol=1e-9, atol=1e-12, err_msg=name)


def test_blocks_order_and_files_change_no_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = long_table()
    whole = ev.batch(frame, **WAYS)
    for block in (1, 17, 100):
        pd.testing.assert_frame_equal(ev.batch(frame, **WAYS, block=block), whole, check_exact=True)
    pd.testing.assert_frame_equal(ev.batch(pl.from_pandas(frame), **WAYS), whole, check_exact=True)
    written: dict[bool, set[bytes]] = {}
    for ending in ("parquet", "arrow", "csv"):
        path = tmp_path / f"table.{ending}"
        match ending:
            case "parquet":
                frame.to_parquet(path, row_group_size=50)
            case "arrow":
                frame.to_feather(path, compression="uncompressed")
            case _:
                frame.to_csv(path, index=False)
        for small in (True, False):  # read whole, and as a stream of short chunks
            monkeypatch.setattr(tables, "SMALL", 2**20 if small else 0)
            monkeypatch.setattr(tables, "SMALL_BYTES", 2**26 if small else 0)
            monkeypatch.setattr(tables, "CHUNK", 31)
            for block in (20, 64):
                output = tmp_path / "out.parquet"
                result = ev.batch(path, **WAYS, output=output, block=block)
                written.setdefault(ending == "csv", set()).add(output.read_bytes())
                if ending == "csv":
                    result["comparison"] = result["comparison"].astype(int)
                pd.testing.assert_frame_equal(result, whole, check_exact=True)
    assert [len(files) for files in written.values()] == [1, 1]


def test_rows_of_a_comparison_may_stand_apart_in_memory_but_not_in_a_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = long_table(5)
    mixed = pd.concat([frame.iloc[1::2], frame.iloc[::2]])
    result, sorted_result = ev.batch(mixed), ev.batch(frame)
    both = [one.set_index("comparison").sort_index() for one in (result, sorted_result)]
    np.testing.assert_allclose(both[0]["estimate"], both[1]["estimate"], rtol=1e-12)
    assert both[0]["k"].tolist() == both[1]["k"].tolist()
    mixed.to_parquet(tmp_path / "mixed.parquet")
    monkeypatch.setattr(tables, "SMALL", 0)
    with pytest.raises(ev.DataError, match="sort it by review, comparison first"):
        ev.batch(tmp_path / "mixed.parquet")


def test_every_failure_is_listed_and_none_is_lost() -> None:
    frame = long_table(6)
    frame = frame.assign(effect=frame["effect"].astype(object))
    first = frame.index[frame["comparison"] == 1][0]
    frame.loc[first, "effect"] = "n/a"
    frame.loc[frame.index[frame["comparison"] == 2][0], "variance"] = -1.0
    frame.loc[frame["comparison"] == 3, ["effect", "variance"]] = np.nan
    frame.loc[frame.index[frame["comparison"] == 4][0], ["effect", "variance"]] = np.nan
    frame.loc[frame["comparison"] == 5, "review"] = None
    result = ev.batch(frame)
    said = dict(zip(result["comparison"], result["error"], strict=True))
    assert said[1] == f"row {first + 1}: effect is 'n/a'; give a number or leave it empty"
    assert "the variance -1 is not positive" in said[2]
    assert said[3] == "no study has an effect and a variance"
    assert said[4] == said[5] == said[0] == ""
    assert result.loc[result["comparison"] == 4, "omitted"].item() == 1
    assert result.loc[result["error"] != "", "estimate"].isna().all()
    assert result["comparison"].tolist() == list(range(6))


def test_effects_from_counts_and_means() -> None:
    data = pd.DataFrame(
        {
            "review": "A",
            "comparison": [1, 1, 2, 2, 3, 4],
            "measure": ["OR", "OR", "SMD", "SMD", "OR", "XX"],
            "events1": [3, 5, None, None, 9, 1],
            "events2": [6, 9, None, None, 1, 1],
            "n1": [20, 30, 15, 25, 5, 9],
            "n2": [21, 30, 16, 24, 9, 9],
            "m1": [None, None, 1.0, 2.0, None, None],
            "sd1": [None, None, 1.0, 1.5, None, None],
            "m2": [None, None, 1.5, 2.5, None, None],
            "sd2": [None, None, 1.1, 1.4, None, None],
        }
    )
    result = ev.batch(data, measure="measure")
    for code, names in ((1, ["events1", "n1", "events2", "n2"]), (2, ["m1", "sd1", "n1", "m2", "sd2", "n2"])):
        rows = data[data["comparison"] == code]
        given: dict[str, Any] = {name: rows[name].to_numpy() for name in names}
        es = ev.effect_size(str(rows["measure"].iloc[0]), **given)
        fit = ev.pool(es["effect"].to_numpy(), es["variance"].to_numpy())
        assert result.loc[result["comparison"] == code, "estimate"].item() == pytest.approx(fit.estimate)
    said = dict(zip(result["comparison"], result["error"], strict=True))
    assert "row 5" in said[3]
    assert "9" in said[3]
    assert "'XX' is no measure" in said[4]
    counts = data.iloc[:2].rename(columns={"events1": "a", "events2": "c"})
    counts = counts.assign(b=counts["n1"] - counts["a"], d=counts["n2"] - counts["c"])
    same = ev.batch(counts, measure="OR")
    assert same["estimate"].item() == result["estimate"].iloc[0]


def test_standard_errors_and_other_names() -> None:
    frame = long_table(4).rename(columns={"effect": "yi", "comparison": "id"})
    frame["sei"] = np.sqrt(frame["variance"])
    result, plain = ev.batch(frame, "id", "yi", se="sei"), ev.batch(frame, ["id"], "yi")
    np.testing.assert_allclose(result["estimate"], plain["estimate"], rtol=1e-12)


def test_wrong_calls_say_what_to_do(tmp_path: Path) -> None:
    frame = long_table(3)
    calls: list[tuple[dict[str, Any], str]] = [
        ({"effect": "yi"}, "has no column 'yi'"),
        ({"methods": ["DL"], "ci": ["KR"]}, "needs method='REML'"),
        ({"methods": ["REML", "REML"]}, "each once"),
        ({"output": tmp_path / "x.csv"}, r"end it in \.parquet"),
        ({"workers": 0}, "at least 1"),
        ({"cluster": "somewhere"}, "cluster must be"),
        ({"collect": False}, "name it by output="),
        ({"block": 0}, "block must be"),
    ]
    for options, message in calls:
        with pytest.raises(ev.DataError, match=message):
            ev.batch(frame, **options)
    with pytest.raises(ev.DataError, match="there is no file"):
        ev.batch(tmp_path / "none.parquet")
    with pytest.raises(ev.DataError, match="has no rows"):
        ev.batch(frame.iloc[:0])
    with pytest.raises(ev.DataError, match="data frame or the path"):
        ev.batch(3)


def test_without_the_optional_group_tables_in_memory_work_and_the_rest_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = long_table(5)
    frame.to_csv(tmp_path / "table.csv", index=False)
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.split(".")[0] in ("dask", "distributed", "pyarrow"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    assert len(ev.batch(frame)) == len(ev.batch(tmp_path / "table.csv")) == 5
    assert len(ev.simulate({"k": 3}, repetitions=10)) == 1
    for call in (
        lambda: ev.batch(frame, workers=2),
        lambda: ev.batch(frame, output=tmp_path / "x.parquet"),
        lambda: ev.simulate({"k": 3}, repetitions=10, cluster="local"),
    ):
        with pytest.raises(ev.DataError, match=r"pip install 'evidence-synthesis\[scale\]'"):
            call()


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    frame, output = long_table(), tmp_path / "out.parquet"
    ev.batch(frame, **WAYS, output=tmp_path / "whole.parquet")

    def interrupt(done: int, total: int) -> None:
        if done > total / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ev.batch(frame, **WAYS, output=output, block=20, progress=interrupt)
    parts = tmp_path / "out.parquet.parts"
    kept = {path.name: path.stat().st_mtime_ns for path in parts.glob("*.parquet")}
    assert 3 < len(kept) < 14
    assert not output.exists()
    with pytest.raises(ev.DataError, match="differs in block"):
        ev.batch(frame, **WAYS, output=output, block=30)
    with pytest.raises(ev.DataError, match="differs in table"):
        ev.batch(frame.iloc[:-1], **WAYS, output=output, block=20)
    written: list[int] = []
    write = store.Store.write

    def note(self: store.Store, number: int, result: pd.DataFrame) -> None:
        written.append(number)
        write(self, number, result)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store.Store, "write", note)
        ev.batch(frame, **WAYS, output=output, block=20)
    assert len(written) > 3
    assert not {f"{number:08d}.parquet" for number in written} & set(kept)
    assert output.read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    assert not parts.exists()
    broken = frame.assign(variance=frame["variance"].where(frame["comparison"] != 7, -1.0))
    failed = ev.batch(broken, **WAYS, output=output, collect=False)
    assert failed["comparison"].tolist() == [7] * 4


def test_a_killed_worker_loses_nothing(tmp_path: Path, client: Any) -> None:
    frame = long_table(300)
    ev.batch(frame, **WAYS, output=tmp_path / "alone.parquet")
    killed: list[int] = []

    def kill(done: int, total: int) -> None:
        if not killed:
            killed.extend(client.run(os.getpid).values())
            os.kill(killed[0], signal.SIGKILL)

    ev.batch(frame, **WAYS, output=tmp_path / "cluster.parquet", block=40, cluster=client, progress=kill)
    assert killed
    assert (tmp_path / "cluster.parquet").read_bytes() == (tmp_path / "alone.parquet").read_bytes()
    client.wait_for_workers(2, timeout=30)
    assert set(client.run(os.getpid).values()) != set(killed)


def test_nothing_listens_beyond_the_loopback(client: Any) -> None:
    info = client.scheduler_info(n_workers=-1)
    addresses = [
        client.scheduler.address,
        *info["workers"],
        *(one["nanny"] for one in info["workers"].values()),
    ]
    assert all("//127.0.0.1:" in address for address in addresses)
    pids = [os.getpid(), *client.run(os.getpid).values()]
    children = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(os.getpid())], capture_output=True, text=True
    )
    inodes = set()
    for pid in {*pids, *map(int, children.stdout.split())}:
        try:
            for link in Path(f"/proc/{pid}/fd").iterdir():
                target = os.readlink(link) if link.is_symlink() else ""
                if target.startswith("socket:["):
                    inodes.add(target[8:-1])
        except OSError:
            continue
    listening = []
    for kind in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{kind}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                listening.append(fields[1].split(":")[0])
    assert listening
    assert set(listening) == {"0100007F"}


def test_a_lost_scheduler_says_how_to_go_on(tmp_path: Path) -> None:
    file = tmp_path / "scheduler.json"
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    scheduler = subprocess.Popen(
        [*command, "--no-dashboard", "--scheduler-file", str(file)], stderr=subprocess.DEVNULL
    )
    worker = None
    frame, output = long_table(300), tmp_path / "out.parquet"
    try:
        for _ in range(300):
            if file.exists() and file.stat().st_size:
                break
            time.sleep(0.1)
        import json

        address = json.loads(file.read_text())["address"]
        worker = subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_worker", address, "--no-nanny", "--no-dashboard"],
            stderr=subprocess.DEVNULL,
        )

        def lose(done: int, total: int) -> None:
            if scheduler.poll() is None and done > 100:
                scheduler.kill()
                scheduler.wait()

        with pytest.raises(ev.ModelError, match=r"scheduler of Dask at .* was lost.*repeat the same call"):
            ev.batch(
                frame, **WAYS, output=output, block=10, cluster=address, progress=lose, note=lambda text: None
            )
    finally:
        for process in (scheduler, worker):
            if process is not None:
                process.kill()
                process.wait()
    kept = len(list((tmp_path / "out.parquet.parts").glob("*.parquet")))
    assert 5 < kept < 140
    ev.batch(frame, **WAYS, output=output, block=10)
    ev.batch(frame, **WAYS, output=tmp_path / "alone.parquet")
    assert output.read_bytes() == (tmp_path / "alone.parquet").read_bytes()


def test_no_scheduler_at_an_address() -> None:
    import dask
    import distributed  # noqa: F401 - where a setting comes before its defaults, Dask takes all of them away with it

    with (
        dask.config.set({"distributed.comm.timeouts.connect": "200ms"}),
        pytest.raises(ev.DataError, match=r"no scheduler of Dask answers at tcp://127\.0\.0\.1:9"),
    ):
        ev.batch(long_table(2), cluster="tcp://127.0.0.1:9")


@pytest.mark.parametrize("text", ["[" * 100_000, "[1]", "{"])
def test_a_broken_plan_of_an_earlier_run_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.parquet.parts").mkdir()
    (tmp_path / "a.parquet.parts" / "plan.json").write_text(text, "utf-8")
    with pytest.raises(ev.DataError, match="is no plan of a run"):
        Store(tmp_path / "a.parquet", {"rows": 1})
