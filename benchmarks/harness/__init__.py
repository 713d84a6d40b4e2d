"""What any benchmark needs; nothing here knows what is measured."""
