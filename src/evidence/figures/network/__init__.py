"""Figures of network meta-analyses, one file a plot."""
