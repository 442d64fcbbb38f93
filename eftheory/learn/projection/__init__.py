"""Projections of a decoder onto the consistent set ``f(z) = W psi(z) + u`` (theory: section 5), in float64."""
