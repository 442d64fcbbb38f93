"""What is maximised, and unbiased estimators of its gradient."""
