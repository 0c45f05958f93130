"""Who may do what: roles, identities, their tokens, and the file that lists them."""
