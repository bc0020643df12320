"""The protocol of the plausibility checks."""

from __future__ import annotations

from pydantic import Field

from evidence.tables.protocol.part import ProtocolPart

__all__ = ["CheckRules"]


class CheckRules(ProtocolPart):
    """Limits of the plausibility checks (``checks`` in ``review.yaml``).

    A limit is where a number stops being merely unusual. The defaults were set so that every finding in the data of
    the first review was one that a reader agreed with on looking; a review may set its own.

    Attributes
    ----------
    skip : tuple of str
        Names of rules that are left out.
    granularity : dict from instrument to float
        Step between two possible scores of one person, for instruments that only have such steps, for example 1 for a
        count of items. Without an entry an instrument takes no part in GRIM and GRIMMER (Brown & Heathers 2017,
        Soc Psychol Personal Sci 8(4), 363-369; Anaya 2016, PeerJ Preprints 4:e2400v1).
    sd_ratio : float
        How many times an SD may differ from the other SDs of the same instrument in the trial.
    sd_spread : float
        How many times it may differ from the middle SD of the same instrument, as a share of the scale, in
        other trials.
    mean_ratio : float
        How many times a mean may differ from the other means of the same instrument in the trial.
    asymmetry : float
        Distance of an estimate from the middle of its interval, as a share of half the width, beyond rounding.
    error_ratio : float
        How many times two standard errors of one comparison, each from another printed number, may differ
        beyond rounding.
    mean_gap : float
        Distance of a printed difference from the difference of the printed means, in SDs, where adjustment
        may explain it.
    baseline_p : float
        P value of a baseline difference below which chance is no explanation (Carlisle 2017, Anaesthesia
        72(8), 944-952, on why small values are looked at).
    large_effect : float
        Standardised mean difference from which on an effect is taken for a mistake until shown otherwise.
    outlier : float
        Robust z score of an effect among all effects of the outcome (Iglewicz & Hoaglin 1993 propose 3.5).
    lost : float
        Share of an arm that may be missing from a result.
    """

    skip: tuple[str, ...] = ()
    granularity: dict[str, float] = Field(default_factory=dict)
    sd_ratio: float = Field(default=2.5, gt=1)
    sd_spread: float = Field(default=3.0, gt=1)
    mean_ratio: float = Field(default=5.0, gt=1)
    asymmetry: float = Field(default=0.15, gt=0)
    error_ratio: float = Field(default=1.25, gt=1)
    mean_gap: float = Field(default=0.5, gt=0)
    baseline_p: float = Field(default=0.001, gt=0, lt=1)
    large_effect: float = Field(default=3.0, gt=0)
    outlier: float = Field(default=5.0, gt=0)
    lost: float = Field(default=0.5, gt=0, lt=1)
