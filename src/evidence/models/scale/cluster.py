"""Work on many blocks: one after the other, in processes of this machine, or on a Dask cluster.

The engine is Dask; this module only keeps a bounded number of blocks under way, hands results over as they come, and
says in plain words what to do when the scheduler is lost.
"""

from __future__ import annotations

import logging
import os
import sys
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from evidence.errors import DataError, ModelError

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["SCALE", "run", "use"]

SCALE = "install the optional group with: pip install 'evidence-synthesis[scale]'"
AHEAD = 3
"""Blocks under way for each thread of the cluster: enough that none waits, few enough to bound memory."""


def run(
    function: Callable[..., Any],
    blocks: Iterable[tuple[int, tuple[Any, ...]]],
    *,
    workers: int | None = None,
    cluster: Any = None,
    note: Callable[[str], None] | None = None,
) -> Generator[tuple[int, Any], None, None]:
    """Call a function on each block and yield its number with what came of it, as they are done.

    Parameters
    ----------
    function : callable
        At the head of a module, so that other processes can import it.
    blocks : iterable of (int, tuple)
        Numbers, and the arguments of the call; taken as they are needed.
    workers : int, optional
        Processes of this machine. By default one, this process itself; with `cluster="local"` one a core.
    cluster : optional
        None, "local", the address of a scheduler ("tcp://..." or "tls://...") or a client of Dask.
    note : callable, optional
        Takes a sentence about the cluster, with the address of its dashboard. By default it goes to standard error.

    Raises
    ------
    DataError
        If the workers or the cluster are not usable, or Dask is not installed.
    ModelError
        If the scheduler was lost; what was yielded is done, the rest is not.
    """
    if workers is not None and workers < 1:
        raise DataError(f"workers must be at least 1, not {workers!r}.")
    if cluster is None and workers in (None, 1):
        for number, arguments in blocks:
            yield number, function(*arguments)
        return
    with use(cluster, workers, note) as client:
        yield from _distribute(client, function, blocks)


@contextmanager
def use(
    cluster: Any = None, workers: int | None = None, note: Callable[[str], None] | None = None
) -> Iterator[Client]:
    """Give a client of Dask as `run` uses it, and close afterwards what was opened here.

    A local cluster has one process of one thread a worker and listens on the loopback alone.
    """
    try:
        import dask
        import distributed
    except ImportError as error:
        raise DataError(f"several workers need Dask; {SCALE}") from error
    if isinstance(cluster, distributed.Client):
        if workers is not None:
            raise DataError("a client of Dask has its own workers; leave workers out.")
        yield cluster
        return
    with ExitStack() as stack:
        if cluster is None or cluster == "local":
            # Workers run one function of ours: a hundred looks a second at what it does cost time and tell nothing.
            stack.enter_context(dask.config.set({"distributed.worker.profile.enabled": False}))
            local = distributed.LocalCluster(
                n_workers=workers or os.cpu_count() or 1,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,
            )
            client = stack.enter_context(distributed.Client(stack.enter_context(local)))
        elif isinstance(cluster, str) and "://" in cluster:
            if workers is not None:
                raise DataError("the cluster at an address has its own workers; leave workers out.")
            try:
                client = stack.enter_context(distributed.Client(cluster))
            except (
                OSError,
                TimeoutError,
                TypeError,
                ValueError,
            ) as error:  # TypeError: no certificates for tls://
                raise DataError(
                    f"no scheduler of Dask answers at {cluster}: {error}. Start one with: dask scheduler"
                ) from error
        else:
            raise DataError(
                f"cluster must be None, 'local', an address such as 'tcp://host:8786' or a client; got {cluster!r}."
            )
        (note or _to_stderr)(_describe(client))
        yield client


def _distribute(
    client: Client, function: Callable[..., Any], blocks: Iterable[tuple[int, tuple[Any, ...]]]
) -> Iterator[tuple[int, Any]]:
    from concurrent.futures import CancelledError

    import distributed
    from distributed.comm.core import CommClosedError

    name = f"{function.__name__}-{uuid.uuid4().hex[:8]}"
    source = iter(blocks)
    under_way = distributed.as_completed()
    numbers: dict[Any, int] = {}

    def submit() -> None:
        for number, arguments in source:
            key = f"{name}-{number}"
            future = client.submit(function, *arguments, key=key, pure=False)
            numbers[key] = number
            under_way.add(future)
            return

    try:
        for _ in range(max(1, AHEAD * sum(client.nthreads().values()))):
            submit()
        for future in under_way:
            result = future.result()
            number = numbers.pop(future.key)
            future.release()
            submit()
            yield number, result
    except (CancelledError, CommClosedError, OSError, distributed.client.FutureCancelledError) as error:
        address = getattr(client.scheduler, "address", "?")
        raise ModelError(
            f"the scheduler of Dask at {address} was lost; the blocks that were done are kept where output is given. "
            "Start the cluster again and repeat the same call: it goes on where it stopped."
        ) from error


def _describe(client: Client) -> str:
    count = len(client.nthreads())
    return f"Dask: {count} worker{'s' * (count != 1)}; dashboard at {client.dashboard_link}"


def _to_stderr(text: str) -> None:
    print(text, file=sys.stderr)
