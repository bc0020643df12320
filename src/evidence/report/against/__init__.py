"""The results of a review beside those of other programs: computed again, and compared value by value."""
