"""Ratios of CPU time: what chatcontract costs beside the libraries it is made of. See README.md."""
