"""Information criteria of a fitted likelihood."""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import log, nan

__all__ = ["HasCriteria"]


class HasCriteria(ABC):
    """A fit with a likelihood, which gives its information criteria."""

    __slots__ = ()

    @property
    @abstractmethod
    def log_likelihood(self) -> float:
        """Log-likelihood: the restricted one for REML, else the full one."""

    @property
    @abstractmethod
    def _parameters(self) -> int:
        """Number of coefficients and variances."""

    @property
    @abstractmethod
    def _sample(self) -> int:
        """Number of effects; under REML of contrasts, k - p."""

    @property
    def aic(self) -> float:
        """Akaike's information criterion."""
        return -2.0 * self.log_likelihood + 2.0 * self._parameters

    @property
    def bic(self) -> float:
        """Bayesian information criterion; under REML the sample size is the number of contrasts, k - p."""
        n = self._sample
        return -2.0 * self.log_likelihood + self._parameters * log(n) if n else nan

    @property
    def aicc(self) -> float:
        """Akaike's information criterion, corrected for small samples."""
        m = self._parameters
        n = max(self._sample, m + 2)
        return -2.0 * self.log_likelihood + 2.0 * m * n / (n - m - 1)
