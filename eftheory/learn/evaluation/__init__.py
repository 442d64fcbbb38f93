"""Evidence, ELBO and gap: enumerated, or with standard errors."""
