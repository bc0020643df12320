"""The protocol of a review (`review.yaml`); start with `protocol`, the other modules are its parts."""
