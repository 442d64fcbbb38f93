"""The consistent set as models: harmoniums, their training, and annealed importance sampling."""
