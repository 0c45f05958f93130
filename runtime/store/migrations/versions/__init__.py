"""One file for each revision; `runtime.store.revisions` lists them in order."""
