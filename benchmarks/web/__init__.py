"""The toolkit against its peers: what a framework adds to its server."""
