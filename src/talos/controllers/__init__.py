"""One controller a file, by domain. Found by scanning: a file that is not here is an effect that stops."""
