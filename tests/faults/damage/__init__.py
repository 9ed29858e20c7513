"""Files that were damaged or forged, and everything that may be done with them."""
