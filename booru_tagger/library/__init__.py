"""What is done with a tagged library: alike faces, sorting into folders, cut-out faces. From the journal."""
