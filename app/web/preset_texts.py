"""One line about each preset. Templates translate them, so a percent sign is doubled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.domain.presets import PRESETS, Preset
from app.domain.text import N_

LINES: dict[str, str] = {
    "wbc": N_(
        "2 convolutions, 5 folds, pictures turned and mirrored. The post reports 90 %% validation accuracy as the mean "
        "of its 5 models, with 90 pictures."
    ),
    "wbc-plus": N_(
        "5 even folds, a small normalised network with a hundredth of the weights, a falling learning rate. "
        "For 30 pictures a class and more."
    ),
    "keras-blog": N_(
        "3 convolutions and strong changes of the pictures, for hundreds to thousands of pictures a class. "
        "The post gives no figure of its own for it."
    ),
    "keras-blog-plus": N_("The same idea with normalised convolutions, gentler changes and a falling learning rate."),
    "penguins-plain": N_("4 convolutions, 50 epochs, pictures unchanged. The post reports 63.6 %% on its test set."),
    "penguins": N_("The same network with changed pictures and 200 epochs. The post reports 87.5 %% on its test set."),
    "penguins-plus": N_(
        "Pictures are cropped, so that the network cannot look at a black border; normalised convolutions."
    ),
    "cifar": N_(
        "4 convolutions for pictures of 32 pixels, 25 epochs. The post reports 79.6 %% on 10,000 test pictures."
    ),
    "cifar-plus": N_("Normalised convolutions, small shifts and mirrored pictures, 60 epochs. For small pictures."),
    "deepconv": N_("6 convolutions, 10 epochs, pictures unchanged. The post reports 84.2 %% on its test set."),
    "deepconv-plus": N_("7 normalised convolutions and changed pictures, 60 epochs. For thousands of pictures."),
    "transfer-few": N_(
        "EfficientNet-Lite0 knows 1.2 million photographs already; 5 even folds learn only what is new. "
        "For up to some hundreds of pictures, in seconds."
    ),
    "transfer": N_(
        "EfficientNet-Lite1 knows as many and is a third deeper; one part is set aside for validation. For hundreds of "
        "pictures and more."
    ),
    "transfer-fine": N_(
        "EfficientNet-Lite0, of which the last two blocks learn too in the end. For a thousand pictures and more that "
        "look unlike photographs of everyday things."
    ),
    "transfer-tiny": N_(
        "Pictures of some 32 pixels are enlarged to 128, and the last three blocks of EfficientNet-Lite0 learn too. "
        "For thousands of pictures."
    ),
}


@dataclass(frozen=True)
class PresetPair:
    """A post's own recipes and, beside them, the improved one."""

    post: str
    originals: tuple[Preset, ...]
    improved: Preset


def pairs() -> list[PresetPair]:
    """All presets by post."""
    posts = sorted({preset.post for preset in PRESETS.values() if preset.post})
    found = []
    for post in posts:
        ours = [preset for preset in PRESETS.values() if preset.post == post]
        originals = tuple(preset for preset in ours if not preset.improved)
        found.append(PresetPair(post, originals, next(preset for preset in ours if preset.improved)))
    return found


@dataclass(frozen=True)
class Ready:
    """Everything the page shows of the presets."""

    presets: Mapping[str, Preset]
    pretrained: Sequence[Preset]
    pairs: Sequence[PresetPair]
    lines: Mapping[str, str]


def ready() -> Ready:
    """All presets: those on a pretrained network, and those of the posts."""
    pretrained = [preset for preset in PRESETS.values() if preset.recipe.pretrained]
    return Ready(PRESETS, pretrained, pairs(), LINES)
