"""Numbers as text, in the tables that results print."""

from __future__ import annotations

import math

__all__ = ["number", "p_text", "q_text", "span"]


def number(value: float) -> str:
    """Four decimals, or three significant digits where these would hide the value."""
    plain = value == 0.0 or not math.isfinite(value) or 1e-3 <= abs(value) < 1e6
    return f"{value:.4f}" if plain else f"{value:.3g}"


def q_text(value: float) -> str:
    """Write a chi-squared statistic; what is left of zero after rounding shows as zero."""
    return number(0.0 if value < 1e-9 else value)


def span(low: float, high: float) -> str:
    """Write an interval as "low to high"."""
    return f"{number(low)} to {number(high)}"


def p_text(p_value: float) -> str:
    """Write a P value with its relation sign, to follow the letter P: "= 0.0312", "< 0.0001" or "not defined"."""
    if math.isnan(p_value):
        return "not defined"
    return "< 0.0001" if p_value < 0.0001 else f"= {p_value:.4f}"
