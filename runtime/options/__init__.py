"""The server's options: declared once, read from flags, environment and file."""
