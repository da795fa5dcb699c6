"""`python -m chatcontract`."""

import sys

from chatcontract.cli import main

if __name__ == "__main__":
    sys.exit(main())
