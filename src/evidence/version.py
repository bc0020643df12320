"""The version of this package, and the name under which it is installed."""

__all__ = ["DISTRIBUTION", "__version__"]

__version__ = "0.1.0"
DISTRIBUTION = "evidence-synthesis"
"""Name on the package index, where `evidence` is another project; it is imported as ``evidence`` all the same."""
