"""Sentences of the training engine; keep the codes in order."""

from app.domain.text import N_

SENTENCES: dict[str, str] = {
    "backbone_missing": N_(
        "The network %(name)s needs the package %(package)s, which is not installed. "
        "Run 'make install' in the folder of the program."
    ),
    "weights_broken": N_(
        "The file of weights %(file)s cannot be used (%(reason)s). "
        "Run 'make install' in the folder of the program again."
    ),
    "fold_without_images": N_(
        "Fold %(fold)s has no picture to learn from. Label more images, or choose fewer folds or a smaller share."
    ),
    "loss_not_finite": N_(
        "In fold %(fold)s, epoch %(epoch)s, the loss was no longer a number: the training ran away. "
        "Choose a learning rate below %(learning_rate)s, and scale the pictures (normalisation)."
    ),
    "checkpoint_broken": N_(
        "The saved state of this training cannot be read (%(reason)s), or belongs to another training. Start the "
        "training again without it."
    ),
    "model_broken": N_(
        "The saved model cannot be used (%(reason)s). Restore the data folder from a backup, or train again."
    ),
    "network_needs_larger_images": N_(
        "Pictures of %(size)s pixels are too small for the network %(architecture)s. "
        "Choose at least %(smallest)s pixels."
    ),
    "rerun_image_differs": N_(
        "The file %(name)s gives another copy than in the run: the libraries that read pictures have changed. Install "
        "the versions that the manifest of the run names."
    ),
    "rerun_images_missing": N_(
        "%(count)s images of the run are not in this data set, for instance %(some)s. Export the whole data set."
    ),
    "picture_shape": N_("A picture has the shape %(shape)s (%(kind)s); expected are rows x columns x 3 of 8 bits."),
}
