"""The results in other forms: data files, tables for a manuscript, one file, PDF, metadata for an archive."""
