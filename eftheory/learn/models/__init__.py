"""A VAE from its specification: networks, priors, and the likelihood of counts behind a linear layer."""
