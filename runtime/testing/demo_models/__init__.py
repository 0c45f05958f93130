"""What ``make demo-models`` shows: one live server, and a model of every format.

`downloads` says what comes over the network, `assets` makes the repository, `speech`,
`voice`, `wordpiece` and `sentences` speak to one model each, `minilm` and `redact` are code
that the server runs as a person's own, `acts` shows it all in order.
"""
