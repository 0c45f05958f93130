"""What stands beside our server: the same models served or run by other means."""
