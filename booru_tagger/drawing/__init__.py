"""Pictures for people: contact sheets, boxes, lettering."""
