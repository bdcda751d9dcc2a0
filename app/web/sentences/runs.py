"""Sentences of splits, recipes and runs; keep the codes in order."""

from app.domain.text import N_

SENTENCES: dict[str, str] = {
    "augmented_class_missing": N_(
        "Only pictures of some classes are to be changed, but these have no labelled images here: %(names)s. "
        "Tick other classes, or none."
    ),
    "class_augmentation_missing": N_(
        "Some classes have changes of their own, but these have no labelled images here: %(names)s. "
        "Choose other classes for these changes, or remove them."
    ),
    "class_change_bool": N_(
        "“%(field)s” of the class “%(name)s” is neither yes nor no: “%(value)s” cannot be used. Use 1 or 0."
    ),
    "class_change_common": N_(
        "“%(field)s” is the same for all classes; “%(name)s” cannot have its own. Set it for all, and remove it here."
    ),
    "class_change_float": N_(
        "“%(value)s” cannot be used as “%(field)s” of the class “%(name)s”. Type a number from %(low)s to %(high)s."
    ),
    "class_change_half": N_(
        "Row %(number)s of the changes of single classes (class “%(name)s”) is not whole. Choose a class and a change, "
        "or remove the row."
    ),
    "class_change_int": N_(
        "“%(value)s” cannot be used as “%(field)s” of the class “%(name)s”. "
        "Type a whole number from %(low)s to %(high)s."
    ),
    "class_change_order": N_(
        "For the class “%(name)s” the lower limit %(low)s is above the upper limit %(high)s (“%(field)s”). What the "
        "class does not set is that of all classes. Set both limits for this class."
    ),
    "class_change_twice": N_("“%(field)s” of the class “%(name)s” is there twice. Remove one of the two rows."),
    "class_change_doubled": N_("“%(name)s” stands twice in the text, and only one can hold. Remove one of them."),
    "class_change_unknown": N_("The class “%(name)s” cannot have a “%(field)s” of its own. Allowed are: %(known)s."),
    "backbone_changes_all": N_(
        "A pretrained network cannot do this: its features are computed once. Use its own changed copies, or a "
        "network that learns from scratch."
    ),
    "class_missing_in_fold": N_(
        "With seed %(seed)s the class “%(name)s” has no training image in model %(fold)s. "
        "Keep the classes even (stratified), label more of them, or choose another seed."
    ),
    "class_in_one_group": N_(
        "All images of the class “%(name)s” are in one group that must not be torn apart, so the model that is checked "
        "with them has none to learn from. Choose another way to group the images, or label images of this class that "
        "belong to other groups."
    ),
    "class_unchecked": N_(
        "At least one model has no image of these classes to be checked with: %(names)s. Its best epoch is chosen "
        "without them. Keep the classes even (stratified), label more of them, or choose another way to group the "
        "images."
    ),
    "class_too_small_for_folds": N_(
        "Each class needs at least one image for each of the %(folds)s folds. Too small: %(names)s. "
        "Choose fewer folds, or label more images of these classes."
    ),
    "class_too_small_for_validation": N_(
        "Each class needs at least 2 images: one to learn from and one to check with. Too small: %(names)s. "
        "Label more images of these classes."
    ),
    "class_without_training": N_(
        "All images of these classes are in the test or validation set: %(names)s. "
        "Move some of them to training, or label more."
    ),
    "classes_too_small_to_draw": N_(
        "%(size)s images of each class cannot be set aside and leave any to train with. Too small: %(names)s. "
        "Choose a smaller number or a share, or label more images."
    ),
    "classes_unequal": N_(
        "“%(most)s” has %(ratio)s times as many images as “%(least)s”. A network then tends to answer with the larger "
        "class; look at the recall of each class and not only at the accuracy."
    ),
    "few_images": N_(
        "Fewer than %(needed)s images to learn from: %(names)s. Results will depend much on chance; "
        "label more if you can."
    ),
    "field_bool": N_("“%(value)s” is neither yes nor no. Use 1 or 0."),
    "field_changes": N_(
        '“%(value)s” does not say what is changed for which class. Write it like {"cat": {"rotation": 10}}.'
    ),
    "field_choice": N_("“%(value)s” is not one of the choices. Allowed are: %(choices)s."),
    "field_color": N_("“%(value)s” is not a colour. Write it like #000000."),
    "field_float": N_("“%(value)s” cannot be used. Type a number from %(low)s to %(high)s."),
    "field_int": N_("“%(value)s” cannot be used. Type a whole number from %(low)s to %(high)s."),
    "field_run": N_("“%(value)s” is no run. Type its number, for example 4, or 4/2 for the second model of its folds."),
    "field_names": N_('“%(value)s” is no list of names. Write it like ["first", "second"].'),
    "field_order": N_("The lower limit %(low)s is above the upper limit %(high)s. Exchange them or set both to 1."),
    "field_unknown": N_("There is no setting “%(name)s”. Remove it, or check how it is spelt."),
    "folds_one": N_("One fold would leave nothing to learn from. Use 0 for a validation share, or at least 2."),
    "group_pattern": N_(
        "“%(value)s” cannot be used. Write * once for the part that names the group, and at most one # and one ~."
    ),
    "group_missing": N_("This project has no trainings under the number %(number)s that were started together."),
    "groups_pinned": N_(
        "Every image of “%(name)s” that could be learned from belongs together with a test or validation image, by "
        "what was chosen at “Never tear apart”. Draw the test set again with the same choice, or choose another one."
    ),
    "no_temperature": N_(
        "Run %(run)s said nothing of pictures that it had not learned from, so no temperature can be fitted. "
        "Train with folds, or with validation images."
    ),
    "rate_search_missing": N_("This project has no search for a learning rate with the number %(number)s."),
    "amount_features": N_(
        "The pictures of run %(run)s have not been looked at by the offline network yet. Have it look at them first."
    ),
    "amount_too_few": N_(
        "There are too few pictures to measure anything: at least %(least)s with features and labels of two classes "
        "are needed."
    ),
    "report_unfinished": N_("Run %(run)s has not ended yet. Its report can be made as soon as it has."),
    "run_unfinished": N_(
        "Run %(run)s is not finished, so nothing can be kept with its models yet. Wait for its end, or start it again."
    ),
    "test_copies_learned": N_(
        "%(count)s images outside of the test set are copies of test images. Learned from, they flatter the test "
        "result: choose “copies” at “Never tear apart”, or mend them on the page Health."
    ),
    "test_copies_left_out": N_(
        "%(count)s images are copies of test images. They are left out of the training, so that the test stays honest."
    ),
    "groups_too_few": N_(
        "There are only %(count)s groups of images that must not be torn apart, but %(needed)s folds. "
        "Choose fewer folds, or another way to group the images."
    ),
    "laboratory_classes": N_(
        "%(count)s classes are ticked. The laboratory compares two to %(most)s of them: tick those whose pictures are "
        "to be changed."
    ),
    "laboratory_seeds": N_("The number of seeds is a whole number from 1 to %(most)s."),
    "memory_too_small": N_(
        "This training needs at least %(needed)s, and %(room)s is all that one training may have here. Take "
        "fewer than %(batch_size)s images in a step, or pictures smaller than %(image_size)s pixels."
    ),
    "needs_unknown": N_("“%(value)s” is no place for a training. Choose any worker, a GPU, or one of the workers."),
    "no_labelled_images": N_("No image has a label yet. Label images of at least 2 classes first."),
    "no_preview_image": N_("There is no image to show yet. Import images first."),
    "no_test_set": N_(
        "There is no test set. The validation images also choose the best epoch, so their result is a little too good; "
        "a test set shows how good the network really is."
    ),
    "nothing_smaller": N_("The pictures and the batch are as small as they can be. Use a machine with more memory."),
    "preset_missing": N_("There is no preset “%(name)s”. There are: %(known)s."),
    "search_missing": N_("This project has no search with the number %(number)s."),
    "search_no_result": N_(
        "None of the %(count)s trainings of this search has come to an end with validation images, so there is nothing "
        "to choose from. Look at their pages for the reason."
    ),
    "search_nothing_varies": N_("Nothing varies in this search. Tick at least one setting."),
    "run_missing": N_("There is no run %(number)s in this project."),
    "split_count": N_("“%(value)s” cannot be used. Type how many images of each class: 1 or more."),
    "split_pinned": N_(
        "The image was left where it is: it, or a copy of it, is in the pinned test set. Tick that it may leave the "
        "test set, or move it without its copies."
    ),
    "split_share": N_("“%(value)s” cannot be used. Type a share between 0 and 1; 0.2 is a fifth."),
    "split_too_few": N_("%(count)s images are too few: at least %(needed)s are needed. Label more images."),
    "spread_unknown": N_("“%(value)s” cannot be used. Folds can be carried out as one of: %(known)s."),
    "split_unknown": N_("“%(value)s” is not a split. Allowed are train, validation, test, or nothing."),
    "test_set_incomplete": N_(
        "The test set has no image of: %(names)s. Nothing will be known about them; draw a new test set or add some."
    ),
    "too_few_classes": N_(
        "Only the class “%(name)s” has labelled images, but there must be at least %(needed)s to tell apart. "
        "Label images of another class."
    ),
    "validation_incomplete": N_(
        "The validation folder has no image of: %(names)s. Add some, or draw a validation share instead."
    ),
    "begin_all_learned": N_(
        "Run %(run)s has learned from all images that could check this training. Add new images, draw a test set that "
        "it has not seen, or begin anew."
    ),
    "begin_differs": N_(
        "The weights of run %(run)s do not fit: it has the network %(architecture)s for pictures of %(size)s pixels. "
        "Choose the same network with the same layers, its hidden layer too, or begin anew."
    ),
    "begin_file_missing": N_(
        "The weights that the run began with (SHA-256 %(digest)s) are not in the folder %(folder)s. Download them on "
        "the page of that run and put the file there."
    ),
    "begin_folds_learned": N_(
        "Run %(run)s has learned from %(count)s of these images. Each fold would be checked with images that its model "
        "knows already, and look better than it is. Set folds to 0, or begin anew."
    ),
    "begin_missing": N_(
        "Run %(run)s has no trained model %(model)s in this project. Choose another one, or begin anew."
    ),
    "begin_test_learned": N_(
        "%(count)s images of the test set are known to run %(run)s: it learned from them, or chose its epoch by them. "
        "The test would be worth nothing. Begin anew, or take them out of the test set."
    ),
    "begin_validation_learned": N_(
        "Run %(run)s has learned from %(count)s images of the validation folder, or that belong together with one. "
        "Draw a share for validation instead, or begin anew."
    ),
    "begin_which": N_("Run %(run)s has several models. Name one of them too, for example %(first)s."),
    "keras_chain": N_(
        "The Keras model is no chain: “%(layer)s” takes the outputs of several layers, or several take its own. Only "
        "one layer after the other can be trained here."
    ),
    "keras_code": N_(
        "Layer %(number)s of the Keras model, %(layer)s, would run code of its own, which is never done here. Write "
        "the model with the layers of Keras alone."
    ),
    "keras_held": N_(
        "Layer %(number)s of the Keras model, %(layer)s, is not trainable. Such a JSON has no weights, so the layer "
        "would stay as it was drawn by chance; here every layer learns. Write “trainable”: true, or choose a "
        "pretrained network, whose layers stay as they are until you unfreeze them."
    ),
    "keras_layer": N_(
        "Layer %(number)s of the Keras model is a %(layer)s, which is not known here. There are: %(known)s. The pixels "
        "are scaled and changed by the form, not by layers."
    ),
    "keras_long": N_(
        "The Keras model has %(count)s characters; at most %(most)s are read. Write it as a list of layers instead."
    ),
    "keras_no_model": N_(
        "This JSON is no Keras model. Paste what model.to_json() gives of a Sequential or functional model, or write a "
        "list of layers in square brackets."
    ),
    "keras_unreadable": N_(
        "The Keras model cannot be read: line %(line)s, place %(column)s is no JSON. Paste all that model.to_json() "
        "gives."
    ),
    "keras_value": N_(
        "Layer %(number)s of the Keras model, %(layer)s, has %(name)s = %(value)s. Only this can be trained here: "
        "%(allowed)s."
    ),
    "weights_not_kept": N_(
        "Run %(run)s has not kept the weights of model %(model)s after epoch %(epoch)s. Choose one of the epochs that "
        "its page lists under “Weights that were kept”."
    ),
    "weights_not_ready": N_(
        "The file is not ready yet: no worker is free to make it, or none is running. Try again in a moment."
    ),
    "version_missing": N_("There is no data version %(number)s in this project."),
}
