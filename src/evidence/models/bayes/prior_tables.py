"""Published distributions of heterogeneity between the studies of a meta-analysis: the numbers of two papers.

The numbers were compared in three transcriptions of the tables; where one of them differs, it breaks the additive
pattern that the tables have, and the value of the other two stands here. Two entries break the pattern in all three
and may be misprints in the source; they are kept: Rhodes, area "other", mental health, non-pharmacological (location
-3.85, where the pattern suggests -2.85), and area "cancer", internal structure, pharmacological vs placebo (-0.13,
where it suggests 0.13).
"""

from __future__ import annotations

__all__ = [
    "RHODES_AREAS",
    "RHODES_COMPARISONS",
    "RHODES_LOCATION",
    "RHODES_MARGINAL",
    "RHODES_OUTCOMES",
    "RHODES_SCALE",
    "TURNER_COMPARISONS",
    "TURNER_MARGINAL",
    "TURNER_MEAN",
    "TURNER_OUTCOMES",
    "TURNER_SD",
]

Table = tuple[tuple[float, ...], ...]

RHODES_OUTCOMES = (
    "obstetric",
    "resource use",
    "internal structure",
    "physical health, adverse event, pain, quality of life",
    "signs, symptoms, infection, new disease",
    "mental health",
    "biological marker",
    "subjective",
)
RHODES_COMPARISONS = (
    "pharmacological vs placebo",
    "pharmacological vs pharmacological",
    "non-pharmacological",
)
RHODES_AREAS = ("other", "respiratory", "cancer")
RHODES_MARGINAL = (-3.44, 2.59)
"""Location and scale when nothing is known of outcome and comparison."""

RHODES_LOCATION: dict[str, Table] = {
    "other": (
        (-4.13, -2.55, -2.43, -3.16, -3.00, -2.99, -3.41, -2.76),
        (-4.40, -2.83, -2.70, -3.44, -3.27, -3.27, -3.68, -3.03),
        (-3.99, -2.41, -2.29, -3.02, -2.86, -3.85, -3.27, -2.62),
    ),
    "respiratory": (
        (-6.03, -4.46, -4.33, -5.07, -4.90, -4.90, -5.31, -4.66),
        (-6.31, -4.73, -4.61, -5.34, -5.18, -5.17, -5.59, -4.94),
        (-5.89, -4.32, -4.19, -4.93, -4.76, -4.76, -5.17, -4.52),
    ),
    "cancer": (
        (-1.57, 0.01, -0.13, -0.60, -0.44, -0.43, -0.85, -0.20),
        (-1.85, -0.27, -0.14, -0.88, -0.71, -0.71, -1.13, -0.48),
        (-1.43, 0.15, 0.27, -0.46, -0.30, -0.29, -0.71, -0.06),
    ),
}
"""Location of log tau2 by area; rows are comparisons, columns outcomes."""
RHODES_SCALE: dict[str, Table] = {
    "other": (
        (2.34, 2.73, 2.50, 2.50, 2.50, 2.16, 2.83, 2.58),
        (2.31, 2.70, 2.46, 2.44, 2.47, 2.14, 2.78, 2.59),
        (2.11, 2.57, 2.32, 2.27, 2.33, 1.93, 2.66, 2.41),
    ),
    "respiratory": (
        (2.36, 2.74, 2.51, 2.51, 2.50, 2.17, 2.83, 2.59),
        (2.31, 2.70, 2.46, 2.45, 2.47, 2.14, 2.78, 2.59),
        (2.21, 2.57, 2.33, 2.28, 2.33, 1.94, 2.66, 2.41),
    ),
    "cancer": (
        (2.45, 2.83, 2.61, 2.61, 2.60, 2.28, 2.93, 2.68),
        (2.41, 2.79, 2.56, 2.55, 2.57, 2.25, 2.87, 2.68),
        (2.24, 2.68, 2.45, 2.40, 2.46, 2.08, 2.78, 2.53),
    ),
}
"""Scale of log tau2, arranged as the locations."""

TURNER_OUTCOMES = (
    "all-cause mortality",
    "obstetric",
    "cause-specific mortality, major morbidity, composite",
    "resource use",
    "surgical or device success",
    "withdrawals",
    "internal structure",
    "general physical health",
    "adverse events",
    "infection, new disease",
    "signs, symptoms",
    "pain",
    "quality of life",
    "mental health",
    "biological markers",
    "subjective",
)
TURNER_COMPARISONS = (
    "pharmacological vs placebo",
    "pharmacological vs pharmacological",
    "non-pharmacological vs placebo",
    "non-pharmacological vs pharmacological",
    "non-pharmacological vs non-pharmacological",
)
TURNER_MARGINAL = (-2.56, 1.74)
"""Mean and standard deviation when nothing is known of outcome and comparison."""
# fmt: off
TURNER_MEAN: Table = (
    (-3.95, -3.52, -3.71, -2.34, -2.14, -2.99, -2.71, -2.29, -1.87, -2.49, -2.06, -1.83, -2.54, -2.12, -1.77, -2.70),
    (-4.18, -3.75, -3.95, -2.58, -2.37, -3.23, -2.94, -2.53, -2.10, -2.73, -2.29, -2.06, -2.78, -2.35, -2.00, -2.93),
    (-4.17, -3.74, -3.93, -2.56, -2.36, -3.21, -2.93, -2.51, -2.10, -2.71, -2.28, -2.05, -2.77, -2.34, -1.99, -2.92),
    (-2.92, -2.49, -2.68, -1.31, -1.11, -1.96, -1.67, -1.26, -0.84, -1.46, -1.03, -0.80, -1.51, -1.09, -0.74, -1.67),
    (-3.50, -3.08, -3.27, -1.90, -1.69, -2.55, -2.26, -1.85, -1.43, -2.05, -1.61, -1.38, -2.10, -1.67, -1.33, -2.26),
)
"""Mean of log tau2; rows are comparisons, columns outcomes."""
TURNER_SD: Table = (
    (1.34, 1.74, 1.74, 1.74, 1.74, 1.74, 1.74, 1.53, 1.52, 1.52, 1.51, 1.52, 1.54, 1.53, 1.52, 1.52),
    (1.41, 1.79, 1.79, 1.79, 1.79, 1.79, 1.79, 1.58, 1.58, 1.58, 1.58, 1.58, 1.60, 1.60, 1.58, 1.58),
    (1.55, 1.91, 1.91, 1.91, 1.91, 1.91, 1.92, 1.72, 1.71, 1.71, 1.71, 1.71, 1.73, 1.72, 1.71, 1.71),
    (1.02, 1.50, 1.51, 1.50, 1.50, 1.51, 1.51, 1.25, 1.24, 1.24, 1.24, 1.25, 1.27, 1.27, 1.24, 1.25),
    (1.26, 1.68, 1.68, 1.68, 1.68, 1.68, 1.68, 1.46, 1.45, 1.45, 1.45, 1.45, 1.47, 1.47, 1.45, 1.45),
)
"""Standard deviation of log tau2, arranged as the means."""
# fmt: on
