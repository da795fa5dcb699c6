"""The rules, one module a section; each declares what it finds, why, and how bad that is."""
