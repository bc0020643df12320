"""Certainty of evidence by GRADE; start with `grade`, then `evidence` (what is rated) and `domains` (how)."""
