"""Following aliases of a registry: fetch, load, prove, swap, keep warm, give back."""
