"""Evidence synthesis: from the tables of a systematic review to pooled results, figures and a report.

Everything in the public interface can be reached from here (``import evidence as ev``); it is imported when it is
first used, so that importing the package is quick.
"""

import lazy_loader

from evidence.version import __version__ as __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
