"""What an operator asks of a running server: how it goes, why it serves what it serves."""
