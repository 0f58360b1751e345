"""Statistics: paired comparison, multiplicity, persistence. Everything here works on the results table alone."""
