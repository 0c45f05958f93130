"""What ``make demo`` shows: two real models served, asked, loaded, and robbed of a worker.

Each module is one part of it: `wheels` gets the model files, `filetypes` and `words` speak
to one model each, `clients` makes load from processes of their own, `measure` reads what
the server spent, `acts` shows it all in order.
"""
