"""The site: what its author wishes (`model`), read and checked as a whole (`load`)."""
