"""Parts of a running server that `runtime.app` puts together."""
