"""The tables of a review: read, validated, each row with its source."""
