"""What parts add: a network in which they add up exactly, and one in which they do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

import evidence as ev
from evidence.appraisal.networks.components import AdditiveModel

if TYPE_CHECKING:
    from tests.conftest import SmallReview

MEANS = {"silence": 6.0, "singing": 4.0, "rocking": 5.0}
"""On 0 to 10: singing takes away 20 points of 100, rocking 10."""


@pytest.fixture
def model(small: SmallReview) -> Callable[[float], AdditiveModel]:
    """Give the model of two trials of each part and of both, with this mean of both together."""

    def make(together: float) -> AdditiveModel:
        means = {**MEANS, "singing+rocking": together}
        for node in ("singing", "rocking", "singing+rocking"):
            for number in range(2):
                name = f"{node.replace('+', '-')}-{number}"
                small.trial(name, a=f"{node}, 100", b="silence, 100")
                small.arm(name, "a", mean=means[node], sd=1.0, n=100)
                small.arm(name, "b", mean=means["silence"], sd=1.0, n=100)
        networks = ev.networks_of(small.read(), ["crying"], ["short"], nodes="fine", reference="silence")
        [one] = ev.additive_models(networks, "nothing at all")
        return one

    return make


def test_parts_that_add_up(model: Callable[[float], AdditiveModel]) -> None:
    one = model(3.0)
    assert (one.base, one.rejected) == ("silence", False)
    # Two trials tell a part apart alone, two more together with the other; variance 2 each: the sum and one part
    # have the variances 2/3 (both at 1, cov -1/3) and 2/3.
    table = ev.component_table([one]).set_index("Part")
    assert table["Trials in which one group had it"].to_dict() == {"rocking": 4, "singing": 4}
    assert table["Trials in the model"].tolist() == [6, 6]
    assert table.loc["singing", "Adds"] == "−20.0 (95% CI −21.6 to −18.4)"
    assert table.loc["rocking", "Adds"] == "−10.0 (95% CI −11.6 to −8.4)"
    [row] = ev.combinations_table([one]).to_dict("records")
    assert row["Combination"] == "singing + rocking"
    assert row["Trials"] == 2
    assert row["Sum of the parts"] == "−30.0 (95% CI −31.6 to −28.4)"
    assert row["Network"] == "−30.0 (95% CI −32.0 to −28.0)"
    assert ev.components_statement([one]) == (
        "- **Crying, short term**: additivity is not rejected (P > .99; 6 trials); "
        "what each part adds is in the table."
    )


def test_nothing_is_told_of_parts_that_do_not_add_up(model: Callable[[float], AdditiveModel]) -> None:
    one = model(6.0)
    assert one.rejected
    assert ev.component_table([one]).empty
    assert ev.combinations_table([one]).empty
    assert ev.components_statement([one]) == (
        "- **Crying, short term**: additivity is rejected (P < .001; 6 trials); what a part adds is not told."
    )
