"""Reviews made with other programs, turned into tables of this package."""
