"""Try every statistical function with random and adversarial input."""
