"""The HTTP interface: versioned JSON, strict about what it is sent and frank about what goes wrong."""
