"""How far data and results can be trusted."""
