"""The contract inside other tools, one module or package each."""
