"""The random changes of training pictures that a recipe asks for."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Augmentation:
    """Random changes of each training picture, with the meaning that Keras' ``ImageDataGenerator`` gives them.

    Attributes:
        rotation: degrees; the angle is drawn from -rotation to +rotation.
        width_shift, height_shift: part of the width and height, drawn from both sides; from 1 on a number of pixels.
        shear: degrees (not a factor), drawn from both sides.
        zoom_low, zoom_high: limits of the two zoom factors; 1 and 1 is off.
        channel_shift: added to each channel, drawn from -channel_shift to +channel_shift, on the scale 0 to 255.
        brightness_low, brightness_high: limits of the brightness factor; 1 and 1 is off.
        horizontal_flip, vertical_flip: mirrored in half of the draws.
        fill_mode, fill_value: what stands where the moved picture leaves a gap; the value is used by ``constant``.
        contrast_low, contrast_high: limits of the factor of the contrast; 1 and 1 is off.
        blur: largest deviation of a Gaussian blur in pixels of the network's input, drawn from 0 up.
        noise: largest deviation of Gaussian noise on the scale 0 to 255, drawn from 0 up.
        erase: part of the pictures in which a rectangle is wiped out.
        mixup, cutmix: parameter of the beta distribution that says how much of the other picture; 0 is off.
    """

    rotation: float = 0.0
    width_shift: float = 0.0
    height_shift: float = 0.0
    shear: float = 0.0
    zoom_low: float = 1.0
    zoom_high: float = 1.0
    channel_shift: float = 0.0
    brightness_low: float = 1.0
    brightness_high: float = 1.0
    horizontal_flip: bool = False
    vertical_flip: bool = False
    fill_mode: str = "nearest"
    fill_value: float = 0.0
    contrast_low: float = 1.0
    contrast_high: float = 1.0
    blur: float = 0.0
    noise: float = 0.0
    erase: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0

    @property
    def active(self) -> bool:
        """False when no operation changes a picture."""
        neutral = Augmentation(fill_mode=self.fill_mode, fill_value=self.fill_value)
        return self != neutral

    @property
    def mixes(self) -> bool:
        """True when pictures and labels of a batch are mixed."""
        return bool(self.mixup or self.cutmix)
