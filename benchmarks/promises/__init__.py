"""One module for each group of promises; `benchmarks.__main__` lists them."""
