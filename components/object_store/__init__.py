"""Objects in s3:// and gs://, with writes that are conditional; credentials are those of the clients."""
