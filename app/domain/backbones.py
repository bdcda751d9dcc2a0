"""Networks that were trained on ImageNet, as plain descriptions; ``worker.ml.backbones`` builds them.

Two come with installed packages. The weights of the others are files in the folder of weights: a person puts them
there, or asks for their download (``app.services.weight_download``); nothing is fetched by itself. Names, places and
hashes of the files are those of the installed Keras (``keras/src/applications``).
"""

import hashlib
from dataclasses import dataclass

from app.domain.recipe import Recipe
from app.domain.recipe_fields import BACKBONES

SMALLEST = 32  # pixels; below it nothing would be left of the picture
PUBLIC = "https://storage.googleapis.com/tensorflow/keras-applications"  # where Keras itself gets the files
OFFLINE = BACKBONES[0]  # the smallest of those whose weights come with packages


@dataclass(frozen=True, slots=True)
class Block:
    """Layers that are unfrozen together.

    Attributes:
        layer: the last one; everything above it sees nothing but its output.
        look: the layer whose output Grad-CAM looks at.
        stride: the side of the picture divided by that of the output.
        channels, parameters: of the output, and of all its layers.
    """

    layer: str
    look: str
    stride: int
    channels: int
    parameters: int


@dataclass(frozen=True, slots=True)
class Backbone:
    """A network up to the mean over its last map.

    Attributes:
        title: name as its authors write it; ``source``: the paper.
        scaling: what its weights expect, in a formula.
        blocks: first to last.
        file: of its weights, in the folder of weights; "" when they come with a package.
        digest: MD5 or SHA-256 of that file; ``size``: its bytes, about; ``licence``: under which its authors give it.
        place: its folder below ``PUBLIC``, and below any mirror of it.
        up: an odd side is halved upwards.
    """

    name: str
    title: str
    source: str
    scaling: str
    blocks: tuple[Block, ...]
    file: str = ""
    digest: str = ""
    place: str = ""
    size: int = 0
    licence: str = ""
    up: bool = True

    @property
    def packaged(self) -> bool:
        """True for the networks whose weights come with packages."""
        return not self.file

    @property
    def features(self) -> int:
        """Numbers for each picture."""
        return self.blocks[-1].channels

    def side(self, size: int, block: int) -> int:
        """Side of the map behind a block for pictures of ``size`` pixels."""
        stride = self.blocks[block].stride
        return -(-size // stride) if self.up else size // stride


def _blocks(*rows: tuple[str, str, int, int, int]) -> tuple[Block, ...]:
    return tuple(Block(layer, look or layer, *rest) for layer, look, *rest in rows)


LAST = "last_map"  # the name that the last layer gets where Keras numbers it through

_ALL = (
    Backbone(
        "efficientnet-lite0", "EfficientNet-Lite0", "Tan and Le 2019", "(x - 127) / 128",
        _blocks(
            ("block0_project_bn", "", 2, 16, 1_984), ("block2_add", "", 4, 24, 15_024),
            ("block4_add", "", 8, 40, 41_408), ("block7_add", "", 16, 80, 203_760),
            ("block10_add", "", 16, 112, 454_752), ("block14_add", "", 32, 192, 1_670_688),
            ("head_act", "", 32, 1280, 1_025_408),
        ),
    ),
    Backbone(
        "efficientnet-lite1", "EfficientNet-Lite1", "Tan and Le 2019", "(x - 127) / 128",
        _blocks(
            ("block0_project_bn", "", 2, 16, 1_984), ("block3_add", "", 4, 24, 24_480),
            ("block6_add", "", 8, 40, 68_688), ("block10_add", "", 16, 80, 289_040),
            ("block14_add", "", 16, 112, 627_904), ("block19_add", "", 32, 192, 2_151_840),
            ("head_act", "", 32, 1280, 1_025_408),
        ),
    ),
    Backbone(
        "vgg16", "VGG16", "Simonyan and Zisserman 2014", "BGR - (103.939, 116.779, 123.68)",
        _blocks(
            ("block1_pool", "block1_conv2", 2, 64, 38_720), ("block2_pool", "block2_conv2", 4, 128, 221_440),
            ("block3_pool", "block3_conv3", 8, 256, 1_475_328), ("block4_pool", "block4_conv3", 16, 512, 5_899_776),
            ("block5_pool", "block5_conv3", 32, 512, 7_079_424),
        ),
        "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5", "6d6bbae143d832006294945121d1f1fc",
        "vgg16", 58_889_256, "CC BY 4.0", up=False,
    ),
    Backbone(
        "mobilenet-v3-large", "MobileNetV3 Large", "Howard and others 2019", "x / 127.5 - 1",
        _blocks(
            ("expanded_conv_add", "", 2, 16, 1_024), ("expanded_conv_2_add", "", 4, 24, 8_520),
            ("expanded_conv_5_add", "", 8, 40, 53_800), ("expanded_conv_11_add", "", 16, 112, 740_296),
            (LAST, "", 32, 960, 2_192_712),
        ),
        "weights_mobilenet_v3_large_224_1.0_float_no_top_v2.h5", "07fb09a5933dd0c8eaafa16978110389",
        "mobilenet_v3", 12_683_000, "Apache 2.0",
    ),
    Backbone(
        "efficientnet-v2-b0", "EfficientNetV2 B0", "Tan and Le 2021", "(x / 255 - mean) / deviation of ImageNet",
        _blocks(
            ("block1a_project_activation", "", 2, 16, 5_664), ("block2b_add", "", 4, 32, 53_248),
            ("block3b_add", "", 8, 48, 136_832), ("block4c_add", "", 16, 96, 235_068),
            ("block5e_add", "", 16, 112, 961_224), (LAST, "", 32, 1280, 4_527_276),
        ),
        "efficientnetv2-b0_notop.h5", "893217f2bb855e2983157299931e43ff",
        "efficientnet_v2", 24_274_472, "Apache 2.0",
    ),
    Backbone(
        "resnet50", "ResNet50", "He and others 2015", "BGR - (103.939, 116.779, 123.68)",
        _blocks(
            ("pool1_pool", "", 4, 64, 9_728), ("conv2_block3_out", "", 4, 256, 220_032),
            ("conv3_block4_out", "", 8, 512, 1_230_336), ("conv4_block6_out", "", 16, 1024, 7_129_088),
            ("conv5_block3_out", "", 32, 2048, 14_998_528),
        ),
        "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5", "4d473c1dd8becc155b73f8504c6f6626",
        "resnet", 94_765_736, "MIT",
    ),
    Backbone(
        "convnext-tiny", "ConvNeXt Tiny", "Liu and others 2022", "(x - mean) / deviation of ImageNet",
        _blocks(
            ("convnext_tiny_downsampling_block_0", "", 8, 192, 316_896),
            ("convnext_tiny_downsampling_block_1", "", 16, 384, 1_213_824),
            ("convnext_tiny_downsampling_block_2", "", 32, 768, 11_998_464), (LAST, "", 32, 768, 14_290_944),
        ),
        "convnext_tiny_notop.h5", "d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1",
        "convnext", 111_650_432, "MIT", up=False,
    ),
)  # fmt: skip

KNOWN: dict[str, Backbone] = {backbone.name: backbone for backbone in _ALL}


LOW = "bfloat16"  # the format of a packaged network that answers in it, but for its first layers; it learns in float32


def methods(recipe: Recipe) -> list[str]:
    """What may decide the features of a picture; the worker that computes them knows which, see ``method``."""
    may = recipe.precision != "float32" and KNOWN[recipe.architecture].packaged
    formats = ("float32", LOW) if may else ("float32",)
    return [method(recipe, precision) for precision in formats]


def method(recipe: Recipe, precision: str) -> str:
    """What decides the features of a picture by a pretrained network, in at most 40 characters.

    Args:
        recipe: network, size, and how pictures are made to fit.
        precision: ``LOW`` for features that were computed in it; others were computed in float32 and kept in float16.
    """
    words = [recipe.architecture, str(recipe.image_size), LOW if precision == LOW else "float16"]
    if recipe.resize_mode != "stretch":
        words.append(recipe.resize_mode)
    if recipe.resize_mode == "pad":
        words.append(recipe.pad_color.removeprefix("#"))
    if not recipe.backbone_scaling:
        words.append(recipe.normalisation)
    name = "-".join(words)
    return name if len(name) <= 40 else f"{name[:23]}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"
