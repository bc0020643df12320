"""What a fitted model hangs on: influence, subsets, small-study effects, selection, information."""
