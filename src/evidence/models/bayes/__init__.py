"""The normal-normal model by numerical integration; start with `fit`, then `posterior`."""

import lazy_loader

# The priors are reached as a module, evidence.priors, through this package.
__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submodules=["priors"])
