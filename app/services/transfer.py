"""What deserves to be read before a training on a pretrained network."""

from pathlib import Path

from app.domain import backbones
from app.domain.errors import AppError, Invalid
from app.domain.recipe import Recipe


def warnings(recipe: Recipe, folder: Path) -> list[AppError]:
    """Of one recipe; none for a network that is trained from the beginning.

    Args:
        recipe: checked values.
        folder: where the files of weights are expected, on this machine; the worker looks on its own.
    """
    if not recipe.pretrained:
        return []
    about = backbones.KNOWN[recipe.architecture]
    found: list[AppError] = []
    if about.file and not (folder / about.file).is_file():
        found.append(Invalid("backbone_file_missing", name=about.title, file=about.file, folder=str(folder)))
    if not recipe.backbone_scaling:
        found.append(Invalid("backbone_scaled_wrongly", name=about.title, scaling=about.scaling))
    if recipe.unfrozen_blocks > len(about.blocks):
        found.append(Invalid("backbone_blocks", name=about.title, blocks=len(about.blocks)))
    if recipe.augmentation.active and not recipe.feature_copies and not recipe.unfrozen_blocks:
        found.append(Invalid("backbone_unchanged"))
    return found
