"""Training of the network that says how far a head is turned."""
