"""Sentences of projects and classes; keep the codes in order."""

from app.domain.text import N_

SENTENCES: dict[str, str] = {
    "class_color_invalid": N_("“%(color)s” is not a colour. Choose one like #0072b2."),
    "class_in_use": N_(
        "The class “%(name)s” cannot be deleted, because %(count)s things refer to it: labels, their history or runs. "
        "Rename it, or move its images to another class."
    ),
    "class_key_invalid": N_("“%(key)s” cannot be the key of a class. Use one of the keys offered, or no key."),
    "class_key_taken": N_("The key %(key)s already belongs to the class “%(name)s”. Choose another one."),
    "class_missing": N_("There is no such class in this project. It may have been deleted; reload the page."),
    "class_name_empty": N_("A class needs a name. Type one with at least one visible character."),
    "class_name_taken": N_("There is already a class “%(name)s” in this project. Use it, or choose another name."),
    "deletion_busy": N_(
        "“%(name)s” is not deleted, because %(count)s of its jobs still wait or run. Stop them on the page of the "
        "jobs, or wait for their end, and try again."
    ),
    "deletion_goes_on": N_("The deletion of a project cannot be stopped: a part of it may be gone already."),
    "deletion_name_differs": N_("This is not the name of the project, which is “%(name)s”. Type it exactly like that."),
    "deletion_unasked": N_("Nothing was deleted. Repeat the command with --yes to delete the project for good."),
    "name_no_text": N_("“%(value)s” is no name. Send a text in quotation marks."),
    "name_too_long": N_("The name has %(length)s characters; at most %(limit)s are allowed."),
    "project_missing": N_("There is no project “%(slug)s”. It may have been renamed or removed."),
    "project_name_empty": N_("A project needs a name. Type one with at least one visible character."),
    "project_name_shared": N_(
        "More than one project is called “%(name)s”. Write the name in the address of its page instead: %(slugs)s."
    ),
}
