"""A turn on paper: in full, what it took, its versions, and where its values come from."""
