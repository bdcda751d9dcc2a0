"""What deserves to be read before a training on a pretrained network."""

from app.domain import backbones
from app.domain.errors import AppError, Invalid
from app.domain.recipe import Recipe


def warnings(recipe: Recipe) -> list[AppError]:
    """Of one recipe; none for a network that is trained from the beginning."""
    if not recipe.pretrained:
        return []
    about = backbones.KNOWN[recipe.architecture]
    found: list[AppError] = []
    if not recipe.backbone_scaling:
        found.append(Invalid("backbone_scaled_wrongly", name=about.title, scaling=about.scaling))
    if recipe.unfrozen_blocks > len(about.blocks):
        found.append(Invalid("backbone_blocks", name=about.title, blocks=len(about.blocks)))
    if recipe.all_changes.active and not recipe.feature_copies and not recipe.unfrozen_blocks:
        found.append(Invalid("backbone_unchanged"))
    return found
