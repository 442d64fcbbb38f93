"""One exponential family in torch, everything derived from the family's own expressions."""
