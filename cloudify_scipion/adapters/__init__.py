"""One module per outside thing; they implement the ports of `lifecycle`."""
