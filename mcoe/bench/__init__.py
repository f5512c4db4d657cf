"""What is measured, a group a file; ``mcoe bench`` (:mod:`mcoe.commands.bench`) runs them and prints the table."""
