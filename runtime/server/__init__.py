"""What the front process serves beside inference: metrics and probes over HTTP."""
