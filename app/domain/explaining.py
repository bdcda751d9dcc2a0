"""The ways in which a heat map can be made: what they are called, what they look at, and who described them."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.domain.text import N_

PIXELS = "picture"  # the layer of maps that are made from the picture itself, not from what a layer sees


class Method(StrEnum):
    """A way to make a heat map. All look at the value of a class before the softmax."""

    GRAD_CAM = "grad-cam"
    GRAD_CAM_PLUS = "grad-cam++"
    LAYER_CAM = "layer-cam"
    HIRES_CAM = "hires-cam"
    INTEGRATED = "integrated"
    OCCLUSION = "occlusion"


@dataclass(frozen=True)
class About:
    """A method in words: its name, its paper, and what its map says."""

    name: str
    paper: str
    says: str


ABOUT: dict[Method, About] = {
    Method.GRAD_CAM: About(
        "Grad-CAM",
        "Selvaraju et al., 2017",
        N_("How much each place of a layer adds to the class, each channel weighted by its mean gradient."),
    ),
    Method.GRAD_CAM_PLUS: About(
        "Grad-CAM++",
        "Chattopadhyay et al., 2018",
        N_("Like Grad-CAM, but places with a large positive gradient weigh more: better for several objects."),
    ),
    Method.LAYER_CAM: About(
        "LayerCAM",
        "Jiang et al., 2021",
        N_("Each place is weighted by its own positive gradient, so that early layers give sharp maps."),
    ),
    Method.HIRES_CAM: About(
        "HiResCAM",
        "Draelos et al., 2020",
        N_("Each place is weighted by its own gradient, so that nothing is shown that the network does not use."),
    ),
    Method.INTEGRATED: About(
        N_("Integrated gradients"),
        "Sundararajan et al., 2017",
        N_(
            "How much each pixel adds to the class on the way from a black picture to this one. No layer is needed. "
            "Slower: the network is asked about 32 pictures for one map."
        ),
    ),
    Method.OCCLUSION: About(
        N_("Occlusion"),
        "Zeiler and Fergus, 2014",
        N_(
            "How far the class falls when a grey square covers a place. "
            "Slower: the network is asked about 121 pictures for one map."
        ),
    ),
}

OF_PIXELS = frozenset({Method.INTEGRATED, Method.OCCLUSION})
ONE_CLASS = frozenset({Method.INTEGRATED})  # each class costs as much as the first


def offered(layers: Sequence[str]) -> dict[Method, About]:
    """The ways to choose from for a network of which Grad-CAM and its kin can look at ``layers``."""
    return {method: about for method, about in ABOUT.items() if layers or method in OF_PIXELS}


def suited(layers: Sequence[str], method: Method = Method.GRAD_CAM) -> Method:
    """``method``, or occlusion where it needs a layer and the network has none to look at: no convolution."""
    return method if layers or method in OF_PIXELS else Method.OCCLUSION


def method_of(text: str | None) -> Method:
    """The method of that name; Grad-CAM for anything else."""
    return Method(text) if text in list(Method) else Method.GRAD_CAM
