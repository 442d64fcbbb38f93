"""Rational and ball arithmetic: exact tables, enumeration, the only comparisons of balls.

Sibling of `eftheory.derive` on purpose: neither imports the other, so that each checks the other.
"""
