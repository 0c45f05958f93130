"""Every attack by its name, in the order in which they are made."""

from __future__ import annotations

from tests.hostile.crowds import CROWDS
from tests.hostile.floods import FLOODS
from tests.hostile.lies import LIES
from tests.hostile.target import Attack

ATTACKS: dict[str, Attack] = {
    attack.__name__: attack for attack in (*FLOODS, *LIES, *CROWDS)
}
