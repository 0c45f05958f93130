"""Watches what is served: drift, late labels, harm, groups, and the alarms about them."""
