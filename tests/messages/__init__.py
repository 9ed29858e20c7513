"""Every message that a user may see, taken from the source, and the page that explains them."""
