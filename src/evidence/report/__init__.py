"""Running the notebooks of a review and writing its report; publishing figures and tables from a notebook."""
