"""Component network meta-analysis: what each component of combined treatments adds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from evidence.columns import as_frame
from evidence.errors import DataError, ModelError
from evidence.models.core.weighted import Floats, Model
from evidence.models.network.components_design import (
    component_design,
    one_order,
    row_space,
    same_components,
    study_differences,
    unidentified,
)
from evidence.models.network.components_result import ComponentFit, Components
from evidence.models.network.contrasts import Contrasts, read_contrasts
from evidence.models.network.fit import check_network_options
from evidence.models.network.least_squares import covariance_root, network_model
from evidence.models.network.result import Network
from evidence.models.network.tau2 import network_tau2

__all__ = ["components"]


def components(
    net: Any,
    *,
    inactive: str | None = None,
    sep: str = "+",
    interactions: Iterable[str] = (),
    method: str | None = None,
    tau2: float | None = None,
    level: float | None = None,
    **options: Any,
) -> Components:
    """Fit the additive component model: the effect of a combination is the sum of the effects of its components.

    Parameters
    ----------
    net : Network, Contrasts or DataFrame
        A fitted network, or contrasts with columns study, treat1, treat2, effect and se. These may form a network
        that is not connected, if common components connect it.
    inactive : str, optional
        Component whose effect is zero, such as usual care; without it every component has an effect.
    sep : str
        What stands between the components in the label of a treatment.
    interactions : iterable of str
        Terms such as "massage:exercise": the effect of giving both beyond the sum of the two.
    method : str, optional
        tau2 by "REML", "DL" or "EE"; by default that of the network, else "REML".
    tau2 : float, optional
        A between-study variance to use as given.
    level : float, optional
        Level of all intervals; by default that of the network, else 0.95.
    options
        With a DataFrame: n1, n2, arm_variance, shared_arm_rule and tolerance, as for `network`.

    Returns
    -------
    Components

    Raises
    ------
    DataError
        If a contrast, a label, the inactive component or an interaction cannot be used.
    ModelError
        If no component makes a difference in any study.

    References
    ----------
    .. [1] Welton NJ et al. (2009). Am J Epidemiol 169(9), 1158-1165.
    .. [2] Rücker G, Petropoulou M, Schwarzer G (2020). Biom J 62(3), 808-821.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> table = pd.DataFrame(
    ...     {"study": ["s1", "s2", "s3"], "treat1": ["a", "b", "a+b"], "treat2": ["none", "none", "none"],
    ...      "effect": [1.0, 2.0, 3.5], "se": [0.5, 0.5, 0.5]}
    ... )
    >>> ev.components(table, inactive="none", method="EE").effects.round(3).to_dict()
    {'a': 1.167, 'b': 2.167}
    """
    if isinstance(net, Network):
        contrasts = net.contrasts
        method, level = method or net.method, level or net.level
    elif isinstance(net, Contrasts):
        contrasts = net
    elif net is None or isinstance(net, (str, list, tuple, int, float)) or not hasattr(net, "columns"):
        raise DataError(f"net must be a Network or a DataFrame of contrasts; got {type(net).__name__}.")
    else:
        contrasts = read_contrasts(data=one_order(as_frame(net, "net"), sep), **options)
    if isinstance(net, (Network, Contrasts)) and (orders := same_components(contrasts.treatments, sep)):
        contrasts = read_contrasts(data=contrasts.to_frame().replace(orders))
    if options and isinstance(net, (Network, Contrasts)):
        raise DataError(
            f"{', '.join(options)}: only for contrasts in a DataFrame; give it to network instead."
        )
    level = level or 0.95
    method = check_network_options(method or "REML", level, tau2)
    design = component_design(contrasts.treatments, inactive, sep, interactions)
    differences = study_differences(contrasts, design)
    seen, blind = row_space(differences)
    if not seen.size:
        raise ModelError("no study compares arms that differ in their components; nothing can be estimated.")
    # keep the components themselves as parameters where all can be estimated
    basis = seen if blind.size else np.eye(len(design.names))
    model = Model(contrasts.matrix @ design.matrix @ basis, contrasts.response, contrasts.variance)
    between = network_tau2(model, method) if tau2 is None else float(tau2)
    common = _fit(model, basis, 0.0)
    return Components(
        contrasts=contrasts,
        design=design,
        method=method,
        level=level,
        tau2=between,
        tau2_given=tau2 is not None,
        common=common,
        random=_fit(model, basis, between) if between else common,
        blind=blind,
        reasons=unidentified(design, differences, blind),
        q_additive=common.q,
        df_additive=model.k - model.p,
        q_network=float(network_model(contrasts).at(0.0).rss),
        df_network=model.k - len(contrasts.free_columns),
    )


def _fit(model: Model, basis: Floats, tau2: float) -> ComponentFit:
    weighted = model.at(tau2)
    return ComponentFit(
        tau2,
        basis @ weighted.coefficients,
        basis @ weighted.transform,
        covariance_root(weighted),
        float(weighted.rss),
    )
