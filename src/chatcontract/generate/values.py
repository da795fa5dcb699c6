"""Texts, among them hard Unicode, and the smallest images, sounds and files that are valid."""

PHRASES = (
    "Hi",
    "What is 2 + 2?",
    "Name a colour.",
    "Summarise the report in one line.",
    "Translate this into French.",
    "",
    "Who wrote it?",
    "It will rain in Bonn tomorrow, at 14 degrees.",
    "Thanks, go on.",
    "def add(a, b):\n    return a + b",
    "1. first\n2. second",
    '{"looks": "like", "data": [1]}',
)
HARD = (
    "\U0001f600 \U0001f469\u200d\U0001f469\u200d\U0001f467",  # beyond 16 bits, joined
    "\U0001d518\U0001d52b\U0001d526",
    "\u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd",  # from right to left
    "\u202eright to left\u202c",
    "e\u0301o\u0308 Z\u0351\u036b\u0343",  # combining
    "\u2028line\u2029paragraph\u0085",
    "\ufeffmark\u200b\uffff\U0010ffff",
    'quote " back \\ slash / \x01\x1f\x7f\t\r\n',
    "\ufb01\u0130\u0131\u00df\u1e9e",
    "data: [DONE]\n\nevent: end",
)
TWICE = "Call {first} twice, with other values each time."
CALLING = (
    "What is the weather in Bonn? Use a tool.",
    "Call {first}.",
    TWICE,
    "Use both {first} and {last}.",
)
"""What makes models call the tools of these names."""
NAMES = ("Ada", "bob_1", "agent-7", "x" * 64)
"""Names of authors that every model takes."""
IMAGE = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
"""A PNG of one pixel."""
WAV = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQIAAAAAAA=="
"""One silent sample of 16 bits at 8 kHz."""
MP3 = "//sQxAADwAABpAAAACAAADSAAAAE" + "A" * 112
"""One frame of silence."""
PDF = "data:application/pdf;base64,JVBERi0xLjQKMSAwIG9iajw8L1R5cGUvQ2F0YWxvZz4+ZW5kb2JqCnRyYWlsZXI8PC9Sb290IDEgMCBSPj4="
SOUNDS = (("wav", WAV), ("mp3", MP3))
