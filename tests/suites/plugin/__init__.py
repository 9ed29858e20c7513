"""Put on the path by itself: the suites that it is used in are called `tests`, too."""
