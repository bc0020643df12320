"""Very many fits: tables of comparisons (`batch`) and simulations (`simulate`), here or on a cluster (`cluster`)."""
