"""The sentence of every error code: what happened, what was expected, how to fix it.

``%(name)s`` stands for the parameter of that name. One block for each area; keep the codes of a block in order.
"""

from collections.abc import Callable

from app.domain.errors import AppError
from app.domain.text import N_

SENTENCES: dict[str, str] = {
    # --- web: requests, database, settings -------------------------------------------------------------------------
    "blob_missing": N_(
        "A stored file (%(hash)s) is missing from the data folder. Restore the folder from a backup or import again."
    ),
    "body_too_large": N_("The request is larger than %(limit_mb)s MB. Send fewer or smaller files at a time."),
    "content_type_refused": N_("The request has the wrong content type. Send JSON as application/json."),
    "database_busy": N_("The database is busy. Nothing was changed; wait a moment and try again."),
    "database_newer": N_(
        "The database was written by a newer version of Miwake (%(revision)s). Install that version or a newer one."
    ),
    "disk_full": N_("The disk is full, so nothing was stored. Free some space and try again; earlier work is safe."),
    "internal_error": N_(
        "Something went wrong that we did not expect. What you did last was not saved; earlier work is safe. "
        "The log has the details under the number %(id)s."
    ),
    "invalid_values": N_("Some values cannot be used. Each field says what it expects."),
    "method_refused": N_(
        "This address cannot be used in this way (%(method)s). Go back and use the buttons of the page."
    ),
    "page_missing": N_("There is nothing at this address. It may have been typed wrong, or the thing was removed."),
    "request_foreign": N_(
        "The request did not come from a page of this program, so it was refused. Open the page here and try again."
    ),
    "request_invalid": N_("The request has missing or wrong values: %(fields)s."),
    "request_unreadable": N_("The request could not be read. Reload the page and try again."),
    "setting_invalid": N_("The setting %(name)s is “%(value)s”, but it must be of the kind %(kind)s."),
    "setting_unknown": N_("There is no setting %(name)s. Known settings: %(known)s."),
    # --- projects and classes --------------------------------------------------------------------------------------
    "class_color_invalid": N_("“%(color)s” is not a colour. Choose one like #0072b2."),
    "class_in_use": N_(
        "The class “%(name)s” cannot be deleted, because %(count)s things refer to it: labels, their history or runs. "
        "Rename it, or move its images to another class."
    ),
    "class_key_invalid": N_("“%(key)s” cannot be the key of a class. Use one digit from 0 to 9, or no key."),
    "class_key_taken": N_("The key %(key)s already belongs to the class “%(name)s”. Choose another digit."),
    "class_missing": N_("There is no such class in this project. It may have been deleted; reload the page."),
    "class_name_empty": N_("A class needs a name. Type one with at least one visible character."),
    "class_name_taken": N_("There is already a class “%(name)s” in this project. Use it, or choose another name."),
    "name_too_long": N_("The name has %(length)s characters; at most %(limit)s are allowed."),
    "project_missing": N_("There is no project “%(slug)s”. It may have been renamed or removed."),
    "project_name_empty": N_("A project needs a name. Type one with at least one visible character."),
    # --- imports and pictures --------------------------------------------------------------------------------------
    "duplicate": N_("The same picture is in the project already, as “%(first)s”. It was not stored again."),
    "duplicate_class": N_(
        "The same picture is in the project already, as “%(first)s” with the class “%(label)s”, but this folder says "
        "“%(folder)s”. Its label was not changed; look at it and decide."
    ),
    "duplicate_labelled": N_(
        "The same picture was in the project without a label, as “%(first)s”. It got this folder's class “%(label)s”."
    ),
    "duplicate_split": N_(
        "The same picture is in the project already, as “%(first)s” in the part “%(split)s”, but this folder says "
        "“%(folder)s”. It stays where it was; a picture in both parts would make the test too easy."
    ),
    "file_missing": N_("There is no file “%(file)s”. Check the path."),
    "file_special": N_("This is a device, pipe or socket and not a file. Leave it out."),
    "file_too_large": N_("The file has more than %(limit_mb)s MB. Save it smaller, or raise MIWAKE_MAX_FILE_MB."),
    "file_unreadable": N_("The file cannot be read. Check its permissions and import again."),
    "folder_link": N_("A link that leads out of the folder, or to another folder, is not followed. Copy the files."),
    "folder_missing": N_("There is no folder “%(folder)s”. Check the path."),
    "folder_unreadable": N_("The folder cannot be opened. Check its permissions and import again."),
    "image_broken": N_("The picture is damaged. Open it in the program that made it and save it again."),
    "image_crash": N_("The picture made the decoder crash. Save it again with another program."),
    "image_empty": N_("The file is empty (0 bytes). Copy it again from where it came."),
    "image_format": N_("%(format)s is not supported. Convert the picture to PNG, JPEG or TIFF."),
    "image_memory": N_("The picture needs more than 2 GB of memory to decode. Save it smaller, or as PNG."),
    "image_no_values": N_("The picture holds no number that can be shown, only NaN or infinity."),
    "image_slow": N_("The picture took too long to decode. Save it again with another program."),
    "image_too_large": N_("The picture has far more than %(limit)s million pixels. Make it smaller."),
    "image_too_long": N_("The picture has %(width)s x %(height)s pixels; a side may have at most %(limit)s."),
    "image_too_many_pixels": N_(
        "The picture has %(width)s x %(height)s pixels; at most %(limit)s million are allowed. Make it smaller."
    ),
    "image_truncated": N_("The picture is cut off: the file ends too early. Copy it again from where it came."),
    "image_unknown": N_("This is not a picture we can read. Accepted are JPEG, PNG, TIFF, BMP, GIF and WebP."),
    "import_finished": N_("Import %(number)s has ended, so nothing can be added to it. Begin a new import."),
    "import_has_zip": N_("Import %(number)s has a zip file already. Begin a new import for another one."),
    "import_missing": N_("There is no import %(number)s in this project."),
    "import_no_files": N_("No file was chosen. Choose at least one picture or a zip file."),
    "import_zip_coming": N_("The zip of this import is just being sent. Wait for it, or begin a new import."),
    "junk": N_("A hidden file or one that the operating system made; it was skipped."),
    "sample_missing": N_(
        "The digits come with the package scikit-learn, and its data file was not found. "
        "Install the locked packages again."
    ),
    "sample_unknown": N_("There is no sample set “%(name)s”. There are: %(known)s."),
    "too_many_files": N_("More than %(limit)s files came in one request. Send fewer at a time, or send a zip."),
    "upload_cut_off": N_("The connection was lost before the whole file had come. Nothing was kept; send it again."),
    "zip_cut_off": N_("The zip is cut off: its end is missing. Download or copy it again."),
    "zip_empty": N_("There is no file in the zip."),
    "zip_encrypted": N_("The entry is protected by a password. Make a zip without one."),
    "zip_entry_damaged": N_("The entry is damaged and cannot be unpacked. Make the zip again."),
    "zip_link": N_("The entry is a link or a device and not a file. Put the file itself into the zip."),
    "zip_method": N_("The entry is packed by a method we do not unpack. Make a plain zip (deflate)."),
    "zip_nested": N_("An archive inside the zip is not opened. Unpack it first, or import it by itself."),
    "zip_not_plain": N_(
        "This is not a plain zip: it has other data before or behind it, or its directory contradicts itself. "
        "Make the zip again."
    ),
    "zip_overlap": N_("Entries of the zip share the same bytes, as in a decompression bomb. Make the zip again."),
    "zip_path": N_("The entry's path leads out of the zip (.., a drive or an absolute path). Make the zip again."),
    "zip_ratio": N_("The entry would grow more than 200 times when unpacked, as a decompression bomb does."),
    "zip_too_large": N_("The zip has more than %(limit_mb)s MB. Split it, or raise MIWAKE_MAX_ZIP_MB."),
    "zip_too_many": N_("The zip has more than %(limit)s entries. Split it."),
    "zip_too_much": N_("Unpacked, the zip has more than %(limit_gb)s GB. Split it."),
    "zip_unknown": N_("This is not a zip file. Other archives (7z, rar, tar) are not opened; make a zip."),
    "zip_volumes": N_("The zip is one part of several. Make one zip of all."),
    # --- labels and gallery ----------------------------------------------------------------------------------------
    "change_missing": N_("There is no such change in this project. Reload the page."),
    "change_undone_already": N_("This change was taken back already. Reload the page to see how it stands."),
    "filter_invalid": N_("The filter “%(field)s” cannot be “%(value)s”. Choose one of the values on the page."),
    "image_given_twice": N_("The image %(image)s is named twice in one request. Name each image once."),
    "image_missing": N_("There is no image %(image)s in this project. It may have been removed; reload the page."),
    "label_changed_by_other": N_(
        "Somebody else changed labels after this page showed them (%(count)s), so nothing was changed. "
        "Look at the new labels and decide."
    ),
    "label_changed_since": N_(
        "These labels were changed again since (%(count)s), so they were not taken back. "
        "Change them by hand if you want to."
    ),
    "nothing_selected": N_("No image is selected. Tick at least one, then choose the class."),
    "nothing_to_redo": N_("There is nothing to redo. A new label ends the chance to redo what was undone before."),
    "nothing_to_undo": N_("There is nothing to undo. The history of the project shows all changes."),
    "request_id_invalid": N_("A request needs an id of 1 to 64 characters, made once by the one who sends it."),
    "selection_grew": N_(
        "%(found)s images match now, but %(shown)s were shown, so nothing was changed. "
        "Select again to include the new ones."
    ),
    "selection_missing": N_("The request names neither images nor a filter. Send one of them."),
    # --- jobs and workers ------------------------------------------------------------------------------------------
    "address_refused": N_(
        "Miwake has no accounts yet, so it listens on this machine only (127.0.0.1), not on %(host)s. "
        "From another machine, use an SSH tunnel."
    ),
    "crashed": N_(
        "The training process crashed (%(signal)s). Other jobs went on. Try again; if it happens again, choose the "
        "precision float32 or report it."
    ),
    "folder_in_use": N_(
        "Another Miwake already uses the folder %(folder)s. Stop it, or choose another folder with MIWAKE_DATA_DIR."
    ),
    "folder_unwritable": N_(
        "The data folder %(folder)s cannot be written (%(reason)s). Correct its permissions, or choose another folder "
        "with MIWAKE_DATA_DIR."
    ),
    "internal": N_("The job failed because of a mistake in the program (%(error)s). The trace is kept with the job."),
    "job_missing": N_("There is no job %(job)s."),
    "killed": N_(
        "The training process was killed by the system, most likely because memory ran out. Choose a smaller batch "
        "than %(batch_size)s or smaller pictures than %(image_size)s pixels, or close other programs."
    ),
    "layer_missing": N_("The network has no layer %(layer)s. Choose one of: %(known)s."),
    "lease_lost": N_("The job was given to another worker, because this one was silent for too long."),
    "nothing_to_keep": N_("The training was stopped before its first epoch was done, so there is nothing to keep."),
    "option_unreadable": N_("“%(text)s” cannot be read. Write --set name=value, for example --set epochs=20."),
    "out_of_memory": N_(
        "The memory was not enough for a batch of %(batch_size)s pictures of %(image_size)s pixels. "
        "Choose a smaller batch or smaller pictures."
    ),
    "port_in_use": N_(
        "Port %(port)s is used by another program. Stop that program, or choose another port: --port %(other)s."
    ),
    "port_refused": N_("Port %(port)s cannot be opened (%(reason)s). Choose another one: --port %(other)s."),
    "preset_unknown": N_("There is no preset “%(preset)s”. Known presets: %(known)s."),
    "weights_missing": N_("The run has no trained weights for this model yet, so nothing can be explained."),
    "worker_ended": N_("The worker that this command started has ended with code %(code)s. Its last lines are above."),
    "worker_lost": N_(
        "The worker stopped in the middle of this job %(attempts)s times, so it was given up. Look at the worker's "
        "output; most often the machine was switched off or ran out of memory."
    ),
    # --- training engine -------------------------------------------------------------------------------------------
    "fold_without_images": N_(
        "Fold %(fold)s has no picture to learn from. Label more images, or choose fewer folds or a smaller share."
    ),
    "loss_not_finite": N_(
        "In fold %(fold)s, epoch %(epoch)s, the loss was no longer a number: the training ran away. "
        "Choose a learning rate below %(learning_rate)s, and scale the pictures (normalisation)."
    ),
    "model_broken": N_(
        "The saved model cannot be used (%(reason)s). Restore the data folder from a backup, or train again."
    ),
    "network_needs_larger_images": N_(
        "Pictures of %(size)s pixels are too small for the network %(architecture)s. "
        "Choose at least %(smallest)s pixels."
    ),
    "picture_shape": N_("A picture has the shape %(shape)s (%(kind)s); expected are rows x columns x 3 of 8 bits."),
    # --- splits, recipes and runs ----------------------------------------------------------------------------------
    "class_missing_in_fold": N_(
        "With seed %(seed)s the class “%(name)s” has no training image in model %(fold)s. "
        "Keep the classes even (stratified), label more of them, or choose another seed."
    ),
    "class_too_small_for_folds": N_(
        "Each class needs at least one image for each of the %(folds)s folds. Too small: %(names)s. "
        "Choose fewer folds, or label more images of these classes."
    ),
    "class_too_small_for_test": N_(
        "The class “%(name)s” has %(count)s images, so %(size)s of them cannot be set aside and leave any to train "
        "with. Choose a smaller number, or label more images."
    ),
    "class_too_small_for_validation": N_(
        "Each class needs at least 2 images: one to learn from and one to check with. Too small: %(names)s. "
        "Label more images of these classes."
    ),
    "class_without_training": N_(
        "All images of these classes are in the test or validation set: %(names)s. "
        "Move some of them to training, or label more."
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
    "field_choice": N_("“%(value)s” is not one of the choices. Allowed are: %(choices)s."),
    "field_color": N_("“%(value)s” is not a colour. Write it like #000000."),
    "field_float": N_("“%(value)s” cannot be used. Type a number from %(low)s to %(high)s."),
    "field_int": N_("“%(value)s” cannot be used. Type a whole number from %(low)s to %(high)s."),
    "field_order": N_("The lower limit %(low)s is above the upper limit %(high)s. Exchange them or set both to 1."),
    "field_unknown": N_("There is no setting “%(name)s”. Remove it, or check how it is spelt."),
    "folds_one": N_("One fold would leave nothing to learn from. Use 0 for a validation share, or at least 2."),
    "no_labelled_images": N_("No image has a label yet. Label images of at least 2 classes first."),
    "no_preview_image": N_("There is no image to show yet. Import images first."),
    "no_test_set": N_(
        "There is no test set. The validation images also choose the best epoch, so their result is a little too good; "
        "a test set shows how good the network really is."
    ),
    "preset_missing": N_("There is no preset “%(name)s”. There are: %(known)s."),
    "run_missing": N_("There is no run %(number)s in this project."),
    "split_count": N_("“%(value)s” cannot be used. Type how many images of each class: 1 or more."),
    "split_share": N_("“%(value)s” cannot be used. Type a share between 0 and 1; 0.2 is a fifth."),
    "split_too_few": N_("%(count)s images are too few: at least %(needed)s are needed. Label more images."),
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
    # --- results and review ----------------------------------------------------------------------------------------
    "explain_item_missing": N_("A picture that heat maps were asked for is not part of this run. Reload the page."),
    "explain_request_invalid": N_(
        "Heat maps can be made for 1 to %(most)s pictures at a time, all with the same model, layer and class."
    ),
    "heat_map_missing": N_("There is no heat map of this picture for this layer and class yet. Order it on the page."),
    "metrics_class_range": N_("A label or an answer is not one of the %(classes)s classes."),
    "metrics_shape": N_("Labels %(labels)s and answers %(predicted)s must be two lists of the same length."),
}


def sentence(error: AppError, gettext: Callable[[str], str] = str) -> str:
    """The sentence of ``error`` in the language of ``gettext``; English without one."""
    return say(error.code, dict(error.params), gettext)


def say(code: str, params: dict[str, object], gettext: Callable[[str], str] = str) -> str:
    """The sentence of a stored code and its parameters, such as those of a job or of an import entry."""
    return gettext(SENTENCES[code]) % params
