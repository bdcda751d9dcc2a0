"""What the form says about the values of a network that was trained on ImageNet."""

from app.domain.backbones import KNOWN
from app.domain.recipe import Recipe
from app.domain.text import N_
from app.web.field_text import FieldText

BACKBONES = {
    "efficientnet-lite0": N_("EfficientNet-Lite0, pretrained (always there)"),
    "efficientnet-lite1": N_("EfficientNet-Lite1, pretrained (always there)"),
    "vgg16": N_("VGG16, pretrained (file of weights needed)"),
    "mobilenet-v3-large": N_("MobileNetV3 Large, pretrained (file of weights needed)"),
    "efficientnet-v2-b0": N_("EfficientNetV2 B0, pretrained (file of weights needed)"),
    "resnet50": N_("ResNet50, pretrained (file of weights needed)"),
    "convnext-tiny": N_("ConvNeXt Tiny, pretrained (file of weights needed)"),
}

TEXTS: dict[str, FieldText] = {
    "head_units": FieldText(
        "transfer",
        N_("Hidden layer"),
        N_("Units between the features and the classes. 0, no hidden layer, is best for few images."),
        unit=N_("units"),
        step="1",
    ),
    "head_dropout": FieldText(
        "transfer",
        N_("Dropout of the features"),
        N_("Part of the features that is zeroed while training, so that no answer hangs on a few of them. 0 is off."),
        unit=N_("of the features"),
        step="0.05",
    ),
    "feature_copies": FieldText(
        "transfer",
        N_("Changed copies"),
        N_(
            "The frozen network sees each picture only once, so the changes below do nothing there, unless so many "
            "changed copies of each training picture are computed too, once for all epochs. 0 is none. MixUp and "
            "CutMix work in the second stage only."
        ),
        unit=N_("copies"),
        step="1",
    ),
    "backbone_scaling": FieldText(
        "transfer",
        N_("Pixels as this network expects them"),
        N_(
            "Each pretrained network knows only pixels on its own scale, which belongs to it. Without the tick it gets "
            "those of “Scale of the pixels”: only to see what the wrong scale costs, as in post 002."
        ),
    ),
    "unfrozen_blocks": FieldText(
        "transfer",
        N_("Blocks of the second stage"),
        N_(
            "First only the layers behind the network learn. Then so many of its last blocks may learn too, more "
            "slowly, beginning with the best epoch of the first stage. 0: there is no second stage."
        ),
        unit=N_("blocks"),
        step="1",
    ),
    "fine_epochs": FieldText(
        "transfer",
        N_("Epochs of the second stage"),
        N_("At most; the patience counts anew. Used only with blocks in the second stage."),
        unit=N_("epochs"),
        step="1",
    ),
    "fine_rate": FieldText(
        "transfer",
        N_("Learning rate of the second stage"),
        N_("A tenth of the first one or less: large steps would destroy what the network knows."),
    ),
}


def matters(name: str, recipe: Recipe) -> bool:
    """False for a value that a recipe does not use, as far as it is a matter of pretrained networks."""
    if name == "normalisation":
        return not recipe.pretrained or not recipe.backbone_scaling
    if name == "precision":
        return not recipe.pretrained or bool(recipe.unfrozen_blocks) or KNOWN[recipe.architecture].packaged
    if name in ("fine_epochs", "fine_rate"):
        return recipe.pretrained and bool(recipe.unfrozen_blocks)
    return name not in TEXTS or recipe.pretrained
