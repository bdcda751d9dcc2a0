"""The recipes of ``benchmarks.peers``.

Posts 000 and 002 change their pictures in every epoch as they are published. The programs of posts 003 and 004 do not;
post 004 then shows TensorFlow's own example of a generator, which is raced as well, with its network and with post
003's.
"""

from dataclasses import replace

from app.domain.presets import PRESETS, Preset
from app.domain.recipe import Augmentation, Recipe

CHANGED = "-changed"
TUTORIAL = Augmentation(
    rotation=45, width_shift=0.15, height_shift=0.15, zoom_low=0.5, zoom_high=1.5, horizontal_flip=True
)


def preset_of(name: str) -> Preset:
    """The preset that a race is about."""
    return PRESETS[name.removesuffix(CHANGED)]


def recipe_of(name: str) -> Recipe:
    """What is trained in a race: a preset, with the generator of post 004 where the name says so."""
    recipe = preset_of(name).recipe
    return replace(recipe, augmentation=TUTORIAL) if name.endswith(CHANGED) else recipe


def title_of(name: str) -> str:
    """The words for it in the table."""
    preset = preset_of(name)
    return f"post {preset.post}, {preset.name}" + (", pictures changed" if name.endswith(CHANGED) else "")
