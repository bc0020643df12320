from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from evidence.models.scale import cluster


@pytest.fixture(scope="session")
def client() -> Iterator[Any]:
    """Two real workers; one that is killed comes back."""
    with cluster.use("local", 2, note=lambda text: None) as client:
        yield client
