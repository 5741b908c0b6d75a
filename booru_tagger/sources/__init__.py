"""Where pictures come from: paths that end."""
