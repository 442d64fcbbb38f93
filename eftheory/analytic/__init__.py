"""Closed-form theory of the other papers: probabilistic PCA and the linear VAE, the Bernoulli bound, InfoVAE.

Formulas are written once over an arithmetic (`eftheory.exact.arithmetic`: FLOAT, BALL, SYMBOL), with matrices as
sequences of rows; beside them stand numpy functions for data. No torch.
"""
