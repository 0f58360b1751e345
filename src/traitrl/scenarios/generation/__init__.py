"""New scenarios written by a language model: in stages, resumable, with a filter at the end."""
