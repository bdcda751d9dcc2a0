"""What the form says about each value of a recipe: label, unit, help, place and the names of its choices."""

from app.domain.text import N_
from app.web import augmentation_fields, network_fields, scale_fields, step_fields
from app.web.field_text import FieldText

ARCHITECTURES = {
    "conv2": N_("2 convolutions (post 000)"),
    "conv2-plus": N_("4 normalised convolutions, small"),
    "conv3": N_("3 convolutions (post 001)"),
    "conv3-plus": N_("5 normalised convolutions"),
    "conv4": N_("4 convolutions (post 002)"),
    "conv4-plus": N_("5 normalised convolutions, wide"),
    "cifar4": N_("4 convolutions for small pictures (post 003)"),
    "cifar4-plus": N_("5 normalised convolutions for small pictures"),
    "deepconv": N_("DeepConvNet, 6 convolutions (post 004)"),
    "deepconv-plus": N_("7 normalised convolutions"),
    "own": N_("own network (list of layers)"),
} | network_fields.BACKBONES

_MORE = augmentation_fields.TEXTS | network_fields.TEXTS | step_fields.TEXTS

TEXTS: dict[str, FieldText] = {
    "architecture": FieldText(
        "main",
        N_("Network"),
        N_("The layers that learn. More layers see larger structures, and need more images and time."),
        choices=ARCHITECTURES,
    ),
    "layers": FieldText(
        "own",
        N_("Layers"),
        N_(
            "A JSON list of layers, or the JSON of a Keras model that is a chain of such layers (model.to_json()). On "
            "maps: conv, depthwise, separable, norm, pool, average_pool, border; from a map to a row of numbers: mean, "
            "max or flatten; behind it dense; anywhere: relu, leaky_relu, elu, gelu, silu, hard_silu, relu6, sigmoid, "
            "tanh, layer_norm, dropout. A conv also takes kernel (a number or [height, width]), stride, padding and "
            "bias. The outputs are added by themselves."
        ),
    ),
    "image_size": FieldText(
        "main",
        N_("Picture size"),
        N_("Each picture is brought to a square of this side. Twice the side takes about four times as long."),
        unit=N_("pixels"),
        step="1",
    ),
    "resize_mode": FieldText(
        "main",
        N_("Pictures that are not square"),
        N_("Stretch changes the proportions, crop cuts off two sides, fit keeps all and fills the rest with a colour."),
        choices={
            "stretch": N_("stretch to the square"),
            "crop": N_("crop the longer side"),
            "pad": N_("fit and fill up with a colour"),
        },
    ),
    "pad_color": FieldText(
        "main",
        N_("Fill colour"),
        N_("The colour beside a picture that was fitted. The other two ways do not use it."),
    ),
    "epochs": FieldText(
        "main",
        N_("Epochs at most"),
        N_("One epoch shows every training image once. The weights of the best epoch are kept, not those of the last."),
        unit=N_("epochs"),
        step="1",
    ),
    "patience": FieldText(
        "main",
        N_("Stop when no better for"),
        N_("The training ends early when the watched value has not improved for so many epochs. 0 never ends early."),
        unit=N_("epochs"),
        step="1",
    ),
    "batch_size": FieldText(
        "main",
        N_("Images in a step"),
        N_("After so many images the weights are changed once (batch size). Fewer learn in smaller, rougher steps."),
        unit=N_("images"),
        step="1",
    ),
    "folds": FieldText(
        "split",
        N_("Folds"),
        N_(
            "0 sets one part aside for validation. 5 makes five models: each leaves out another fifth of the images "
            "and is checked on it, so every image is checked once. It takes five times as long."
        ),
        unit=N_("folds"),
        step="1",
    ),
    "validation_share": FieldText(
        "split",
        N_("Validation share"),
        N_(
            "Part of the images that is set aside to check each epoch: 0.2 is a fifth. Not used with folds or with a "
            "validation folder."
        ),
        unit=N_("of the images"),
        step="0.01",
    ),
    "use_validation_folder": FieldText(
        "split",
        N_("Use the validation folder"),
        N_(
            "Where images came in a folder called validation, check with exactly those. Folds mix them with the others."
        ),
    ),
    "stratified": FieldText(
        "split",
        N_("Keep the classes even"),
        N_(
            "Every part gets the same share of each class (stratified). Without it, as in post 000, a fold can by "
            "chance hold few images of one class."
        ),
    ),
    "group_by": FieldText(
        "split",
        N_("Never tear apart"),
        N_(
            "Images that belong together are either learned from or checked with, never both: else the network has "
            "seen the answer. Copies are those that the page Health found."
        ),
        choices={
            "none": N_("nothing: each image by itself"),
            "copies": N_("copies of one picture"),
            "name": N_("file names with the same part, and copies"),
            "folder": N_("images of one folder, and copies"),
            "burst": N_("bursts: same camera, shortly after each other, and copies"),
        },
    ),
    "group_pattern": FieldText(
        "split",
        N_("Part of the file name"),
        N_(
            "* is the part that names the patient or the burst, # a number, ~ anything: *_# finds patient7 in "
            "patient7_0012.png. Used only with file names."
        ),
    ),
    "group_seconds": FieldText(
        "split",
        N_("Longest pause in a burst"),
        N_(
            "Pictures that one camera took so shortly after each other belong together, by what the camera wrote into "
            "the file (EXIF). Used only with bursts; a picture without such a time stands for itself."
        ),
        unit=N_("seconds"),
    ),
    "seed": FieldText(
        "split",
        N_("Seed"),
        N_(
            "The number from which everything random is drawn: the split, the first weights, the changes of the "
            "pictures. The same seed on the same images gives the same split again; another one shows what is chance."
        ),
        step="1",
    ),
    "optimizer": FieldText(
        "more",
        N_("Optimiser"),
        N_(
            "The rule by which the weights are changed after each step. Adam works without much care; "
            "post 000 used RMSprop."
        ),
        choices={
            "sgd": "SGD (momentum 0.9)",
            "rmsprop": "RMSprop",
            "adam": "Adam",
            "adamw": "AdamW",
            "lion": "Lion",
        },
    ),
    "learning_rate": FieldText(
        "more",
        N_("Learning rate"),
        N_(
            "How far the weights move in each step. Too large: the loss jumps or becomes NaN. "
            "Too small: nothing happens."
        ),
    ),
    "weight_decay": FieldText(
        "more",
        N_("Weight decay"),
        N_("How strongly AdamW and Lion pull all weights towards zero. The other optimisers do not use it."),
    ),
    "schedule": FieldText(
        "more",
        N_("Learning rate over time"),
        N_("A rate that falls settles the last epochs. The curve at the side shows what you chose."),
        choices={
            "constant": N_("constant"),
            "cosine": N_("falling (cosine)"),
            "step": N_("falling in steps"),
            "one-cycle": N_("rising, then falling (one cycle)"),
            "plateau": N_("falling when nothing improves"),
        },
    ),
    "warmup_epochs": FieldText(
        "more",
        N_("Warm-up"),
        N_("The rate rises from near zero during so many epochs. One cycle has its own and does not use it."),
        unit=N_("epochs"),
        step="1",
    ),
    "decay_factor": FieldText(
        "more",
        N_("Factor of a fall"),
        N_("Falling in steps, or when nothing improves: the rate is multiplied by this each time."),
        unit=N_("times"),
        step="0.05",
    ),
    "decay_epochs": FieldText(
        "more",
        N_("Epochs between falls"),
        N_("Falling in steps: so many epochs each. Falling when nothing improves: so many epochs without improvement."),
        unit=N_("epochs"),
        step="1",
    ),
    "class_balance": FieldText(
        "more",
        N_("Classes of different size"),
        N_(
            "Without help a network says the large classes too often. Mistakes on small classes can cost more, or "
            "their images can be shown more often."
        ),
        choices={
            "none": N_("as they are"),
            "weights": N_("mistakes on small classes cost more"),
            "batches": N_("images of small classes are shown more often"),
        },
    ),
    "label_smoothing": FieldText(
        "more",
        N_("Label smoothing"),
        N_("Part of the target that is spread over all classes: 0.1 keeps answers from becoming too sure. 0 is off."),
        step="0.01",
    ),
    "averaging": FieldText(
        "more",
        N_("Average of the weights"),
        N_("Validated and kept is a moving average of the weights, which is calmer: 0.99 or 0.999. 0 is off."),
        step="0.001",
    ),
    **scale_fields.TEXTS,
    "logit_dropout": FieldText(
        "more",
        N_("Dropout behind the last layer"),
        N_(
            "Part of the outputs that is zeroed while training. The network of post 004 has 0.5, which makes its "
            "training accuracy look lower than its test accuracy. 0 is off."
        ),
        unit=N_("of the outputs"),
        step="0.05",
    ),
    "monitor": FieldText(
        "more",
        N_("Watched value"),
        N_("The best epoch is chosen by it, and early stopping decided. The loss also sees how sure the answers are."),
        choices={
            "val_loss": N_("validation loss (lower is better)"),
            "val_accuracy": N_("validation accuracy (higher is better)"),
        },
    ),
    "min_delta": FieldText(
        "more",
        N_("Smallest improvement"),
        N_("An epoch only counts as better when the watched value improves by more than this."),
    ),
    "precision": FieldText(
        "more",
        N_("Arithmetic"),
        N_("Mixed is faster on graphics cards and new processors; automatic uses it where it helps."),
        choices={
            "auto": N_("automatic"),
            "float32": N_("32 bits everywhere"),
            "mixed": N_("mixed, 16 and 32 bits"),
        },
    ),
    "deterministic": FieldText(
        "more",
        N_("Exactly repeatable"),
        N_("The same weights to the last bit each time on one kind of processor, also after an interruption. Slower."),
    ),
} | _MORE
