"""Sentences of labels and gallery; keep the codes in order."""

from app.domain.text import N_

SENTENCES: dict[str, str] = {
    "change_final": N_("Pictures were removed with their import, and that cannot be undone. Import the files again."),
    "change_missing": N_("There is no such change in this project. Reload the page."),
    "change_undone_already": N_("This change was taken back already. Reload the page to see how it stands."),
    "class_added_already": N_("The class “%(name)s” was added already. Reload the page."),
    "class_changed_since": N_(
        "The class “%(name)s” was changed again since, so this change cannot be taken back. "
        "Take back the newer one first."
    ),
    "class_gone": N_("The class “%(name)s” was deleted, so this change cannot be taken back."),
    "class_key_taken_since": N_(
        "“%(name)s” and “%(other)s” would have the same key. Take the key away from one of them, then try again."
    ),
    "class_merged_into_itself": N_("“%(name)s” cannot be merged into itself. Choose another class."),
    "class_name_taken_since": N_(
        "“%(name)s” and “%(other)s” would have the same name. Rename one of them, then try again."
    ),
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
    "mark_too_long": N_("This text is too long: at most %(longest)s characters. Shorten it."),
    "mark_unknown": N_("“%(field)s” is no mark of an image. Use excluded, unsure, skipped or note."),
    "opinions_none_agreed": N_(
        "There is no picture any more on which everybody agrees and that has another label. Look at the round again."
    ),
    "opinions_full": N_(
        "%(people)s people have looked at this picture meanwhile, so nobody else is asked. Go on with the next one."
    ),
    "opinions_missing": N_(
        "There is no round %(number)s of second opinions in this project. The list shows all rounds."
    ),
    "opinions_no_images": N_("There are no images in use to draw from. Import some first."),
    "opinions_numbers": N_(
        "Draw 1 to %(most)s pictures, for %(fewest)s to %(people)s people each. The numbers given are outside of that."
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
    "view_missing": N_("There is no saved view %(number)s in this project. It may have been deleted. See the list."),
    "view_name_empty": N_("A saved view needs a name. Type one."),
    "view_name_taken": N_("There is a saved view “%(name)s” already. Choose another name."),
    "view_name_too_long": N_("This name is too long: at most %(longest)s characters. Shorten it."),
}
