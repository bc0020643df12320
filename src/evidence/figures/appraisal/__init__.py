"""Figures of what `evidence.appraisal` finds, one file a plot."""
