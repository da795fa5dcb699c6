"""A reverse proxy that passes everything on unchanged, records it, and checks it as it passes."""
