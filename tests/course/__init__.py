"""The chapters of the course, and the book of them: they run when they are named."""
