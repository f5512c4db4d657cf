"""What every other package stands on: names, times, files, errors. It imports none of them."""
