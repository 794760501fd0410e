"""A body on its way to a document and to pictures, while it arrives."""
