"""Models: from a name to weights, sampling, and likelihoods."""
