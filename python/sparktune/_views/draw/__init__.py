"""What draws a `Chart`: one file per library. None of them is imported before it is needed."""
