"""Writes the generated pages: `python docs/generate.py`."""  # noqa: INP001 - a script

from pathlib import Path

from generator import pages

if __name__ == "__main__":
    for name, text in pages().items():
        path = Path(__file__).parent / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
