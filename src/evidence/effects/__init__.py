"""Effects and variances: from what trials report to the comparisons of an analysis."""
