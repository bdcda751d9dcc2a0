"""What the form says about the random changes of training pictures; see ``fields``."""

from app.domain.text import N_
from app.web.field_text import FieldText

TEXTS: dict[str, FieldText] = {
    "added_copies": FieldText(
        "augmentation",
        N_("Added copies"),
        N_(
            "0 changes the pictures themselves, anew in each epoch. 1 doubles them as post 004 did: each original as "
            "it is, and a changed copy that stays the same in all epochs."
        ),
        unit=N_("copies"),
        step="1",
    ),
    "augmented_classes": FieldText(
        "classes",
        N_("Classes that are changed"),
        N_("Only pictures of the ticked classes are changed; when none is ticked, those of all classes."),
    ),
    "class_augmentation": FieldText(
        "classes",
        N_("Changes of single classes"),
        N_(
            "What is set here for a class stands, for its pictures alone, in place of the value of all classes. "
            "Filling of gaps, MixUp and CutMix are the same for all: mixed pictures may be of two classes."
        ),
    ),
    "augmentation.rotation": FieldText(
        "augmentation",
        N_("Turn"),
        N_("Turned by up to this angle, either way. 180 for pictures without an up and down, such as cells."),
        unit=N_("degrees"),
        step="1",
    ),
    "augmentation.width_shift": FieldText(
        "augmentation",
        N_("Shift sideways"),
        N_(
            "Moved left or right by up to this part of the width: 0.2 is a fifth. From 1 on it is a number of pixels "
            "of what the network sees: 1 is one pixel."
        ),
        unit=N_("of the width"),
        past_one=N_("pixels"),
        step="0.01",
        slider_high=0.5,
    ),
    "augmentation.height_shift": FieldText(
        "augmentation",
        N_("Shift up and down"),
        N_(
            "Moved up or down by up to this part of the height: 0.2 is a fifth. From 1 on it is a number of pixels of "
            "what the network sees: 1 is one pixel."
        ),
        unit=N_("of the height"),
        past_one=N_("pixels"),
        step="0.01",
        slider_high=0.5,
    ),
    "augmentation.shear": FieldText(
        "augmentation",
        N_("Shear"),
        N_("Slanted by up to this angle. It is in degrees, so the 0.2 of posts 001 and 002 changes next to nothing."),
        unit=N_("degrees"),
        step="0.1",
        slider_high=45,
    ),
    "augmentation.zoom_low": FieldText(
        "augmentation",
        N_("Zoom from"),
        N_("Smallest factor. Below 1 the picture is enlarged: 0.8 shows four fifths of it. 1 and 1 is off."),
        unit=N_("times"),
        step="0.01",
        slider_high=2,
    ),
    "augmentation.zoom_high": FieldText(
        "augmentation",
        N_("Zoom to"),
        N_(
            "Largest factor. Above 1 the picture is made smaller, with a filled border. "
            "Width and height are drawn apart."
        ),
        unit=N_("times"),
        step="0.01",
        slider_high=2,
    ),
    "augmentation.channel_shift": FieldText(
        "augmentation",
        N_("Shift of the colours"),
        N_("Red, green and blue all move up or down by up to this much, on a scale of 0 to 255."),
        unit=N_("levels"),
        step="1",
        slider_high=100,
    ),
    "augmentation.brightness_low": FieldText(
        "augmentation",
        N_("Brightness from"),
        N_("Smallest factor: 0.8 is a fifth darker. 1 and 1 is off."),
        unit=N_("times"),
        step="0.01",
        slider_high=2,
    ),
    "augmentation.brightness_high": FieldText(
        "augmentation",
        N_("Brightness to"),
        N_("Largest factor: 1.2 is a fifth brighter."),
        unit=N_("times"),
        step="0.01",
        slider_high=2,
    ),
    "augmentation.horizontal_flip": FieldText(
        "augmentation",
        N_("Mirror left and right"),
        N_("Half of the pictures. Not for letters, digits or anything whose sides matter."),
    ),
    "augmentation.vertical_flip": FieldText(
        "augmentation",
        N_("Mirror up and down"),
        N_("Half of the pictures. For pictures without an up and down, such as cells."),
    ),
    "augmentation.fill_mode": FieldText(
        "augmentation",
        N_("Fill gaps with"),
        N_("What stands where a moved picture leaves a gap."),
        choices={
            "nearest": N_("the nearest edge"),
            "constant": N_("one value"),
            "reflect": N_("the mirrored picture"),
            "wrap": N_("the other side of the picture"),
        },
    ),
    "augmentation.fill_value": FieldText(
        "augmentation",
        N_("Fill value"),
        N_("Brightness of the gap when it is filled with one value: 0 is black, 255 is white."),
        unit=N_("levels"),
        step="1",
    ),
    "augmentation.contrast_low": FieldText(
        "augmentation",
        N_("Contrast from"),
        N_("Smallest factor: 0.8 is flatter, 0 is grey. 1 and 1 is off."),
        unit=N_("times"),
        step="0.01",
        slider_high=2,
    ),
    "augmentation.contrast_high": FieldText(
        "augmentation",
        N_("Contrast to"),
        N_("Largest factor: 1.2 is a fifth stronger."),
        unit=N_("times"),
        step="0.01",
        slider_high=2,
    ),
    "augmentation.blur": FieldText(
        "augmentation",
        N_("Blur"),
        N_("Blurred by up to this much, in pixels of what the network sees. For pictures whose focus varies."),
        unit=N_("pixels"),
        step="0.1",
    ),
    "augmentation.noise": FieldText(
        "augmentation",
        N_("Noise"),
        N_("Grain of up to this strength, on a scale of 0 to 255. For cameras that differ in noise."),
        unit=N_("levels"),
        step="1",
        slider_high=50,
    ),
    "augmentation.erase": FieldText(
        "augmentation",
        N_("Erased rectangle"),
        N_("Part of the pictures in which a rectangle is wiped out, so that the network looks at more than one spot."),
        unit=N_("of the pictures"),
        step="0.05",
    ),
    "augmentation.mixup": FieldText(
        "augmentation",
        N_("MixUp"),
        N_(
            "Each picture is blended with another one, and its label likewise. 0.2 blends little, 1 any share. "
            "Helps most with few pictures and many epochs."
        ),
        step="0.1",
        slider_high=2,
    ),
    "augmentation.cutmix": FieldText(
        "augmentation",
        N_("CutMix"),
        N_(
            "A rectangle of another picture is laid upon each, and its label likewise. 1 takes rectangles of any size. "
            "With MixUp too, each picture gets one of both."
        ),
        step="0.1",
        slider_high=2,
    ),
}
