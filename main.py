"""MCO-E Live from a clone: ``python main.py``; installed, it is the command ``mcoe-live``."""

from app.cli import start

if __name__ == "__main__":
    start()
