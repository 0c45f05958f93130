# What we use of tritonclient, which ships no types.
