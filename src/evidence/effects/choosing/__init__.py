"""Which reported result stands for which comparison of a review; start with `comparisons`."""
