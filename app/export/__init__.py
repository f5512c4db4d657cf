"""What leaves the program: tables, films, reports and pictures."""
