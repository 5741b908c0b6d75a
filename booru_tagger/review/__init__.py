"""What people say of faces, laid over results, and what helps them to say it."""
