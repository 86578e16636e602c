"""Code that stands in several places: the shape of each file, the runs that shapes share, and what is said of them."""
