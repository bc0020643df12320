"""Claims set beside results; start with `audit`, then `judge`."""
