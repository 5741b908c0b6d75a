"""Characters learned from a library whose pictures say already who is in them."""
