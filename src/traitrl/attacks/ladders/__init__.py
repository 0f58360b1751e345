"""One module per kind of attack; each has a function `attacks` that returns them. A new module is found by itself."""
