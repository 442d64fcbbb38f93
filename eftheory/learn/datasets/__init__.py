"""Data sets: where their files come from, how they are read, and rows that stay sparse."""
