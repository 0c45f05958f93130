"""What must survive: an embedded database, blobs by their content, and the audit log."""
