"""`python -m tests.pictures` makes the pictures anew."""

from tests.pictures.files import PICTURES, made

for name, text in made().items():
    PICTURES[name].write_text(text)
    print(f"{PICTURES[name]}: {len(text):,} bytes")
