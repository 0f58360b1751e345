"""The report: numbers.json and one self-contained HTML page, both computed from the results table."""
