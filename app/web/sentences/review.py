"""Sentences of results and review; keep the codes in order."""

from app.domain.text import N_

SENTENCES: dict[str, str] = {
    "alteration_box": N_(
        "The box needs four numbers from 0 to 100, left and top smaller than right and bottom, and is not the whole "
        "picture."
    ),
    "alteration_light": N_("The change of light is a number from 1 to %(most)s, or from -%(most)s to -1."),
    "alteration_unknown": N_("There is no test %(change)s. Choose one of: %(known)s."),
    "compare_runs_missing": N_(
        "A report needs 2 to %(most)s finished runs that have answers of the same kind. "
        "Choose them on the page Compare runs."
    ),
    "diary_empty": N_("The entry is empty. Write what you think of this run, or choose a test."),
    "diary_long": N_("The entry has more than %(most)s characters. Shorten it."),
    "diary_missing": N_("There is no such entry in the diary of this run. Reload the page."),
    "diary_no_padding": N_(
        "This run does not fill pictures up to a square, so there is no padding to change. Choose the border instead."
    ),
    "diary_no_pictures": N_("No picture fits this choice, or none could be read. Choose other answers or classes."),
    "answer_missing": N_("The run has no such answer about this picture. Reload the page."),
    "explain_item_missing": N_("A picture that heat maps were asked for is not part of this run. Reload the page."),
    "explain_request_invalid": N_(
        "Heat maps can be made for 1 to %(most)s pictures at a time, all with the same model, layer and class."
    ),
    "heat_map_missing": N_("There is no heat map of this picture for this layer and class yet. Order it on the page."),
    "judge_missing": N_("Nobody asked for the views “%(views)s” of run %(run)s. Reload the page."),
    "judge_no_models": N_(
        "Run %(run)s has no saved model for some of its pictures, so they cannot be judged again. Train it again."
    ),
    "judge_no_pictures": N_("No picture of the run could be read, so nothing was judged. Look for missing files."),
    "judge_nothing": N_(
        "Run %(run)s has neither validation nor test pictures that it judged, so none can be judged again."
    ),
    "judge_unfinished": N_("Run %(run)s has not come to its end. Only a finished run can be judged again."),
    "metrics_class_range": N_("A label or an answer is not one of the %(classes)s classes."),
    "metrics_shape": N_("Labels %(labels)s and answers %(predicted)s must be two lists of the same length."),
    "prediction_missing": N_(
        "There is no prediction %(job)s of this run; predictions are kept for a day. Try the picture again."
    ),
    "prediction_picture_missing": N_("Choose a picture file or an image of the project."),
    "views_unknown": N_("There are no views “%(value)s”. Choose one of: %(known)s."),
}
