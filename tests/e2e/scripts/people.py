"""A table of people: who is rich depends on age, hours and trade."""

import random
from pathlib import Path


def write(path: Path) -> None:
    """Write it, the same every time."""
    chance = random.Random(4)
    rows = ["age,hours,trade,rich"]
    for _ in range(400):
        age, hours = chance.randint(18, 80), chance.randint(10, 60)
        trade = chance.choice(("baker", "clerk", "smith"))
        worth = (age - 50) / 10 + (hours - 35) / 8 + (trade == "smith") * 2
        rows.append(f"{age},{hours},{trade},{int(worth > chance.gauss(0, 0.3))}")
    path.write_text("\n".join([*rows, ""]))
