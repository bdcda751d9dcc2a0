"""Sentences of jobs and workers; keep the codes in order."""

from app.domain.text import N_

SENTENCES: dict[str, str] = {
    "address_refused": N_(
        "Miwake has no accounts yet, so it listens on this machine only (127.0.0.1), not on %(host)s. "
        "From another machine, use an SSH tunnel."
    ),
    "answer_crashed": N_(
        "The process that answers crashed twice over this picture (%(signal)s). It was started anew; trainings went "
        "on. Try another picture; if it happens again, report it."
    ),
    "answer_memory": N_(
        "The models of this run need more than the %(limit_mb)s MB that the process for predictions may take. "
        "Raise MIWAKE_WARM_MEMORY_MB and start the worker again."
    ),
    "answer_slow": N_(
        "There was no answer within %(seconds)s s, so the process was started anew. Try again when the machine has "
        "less to do, or raise MIWAKE_ANSWER_SECONDS."
    ),
    "crashed": N_(
        "The training process crashed (%(signal)s). Other jobs went on. Try again; if it happens again, choose the "
        "precision float32 or report it."
    ),
    "fold_failed": N_(
        "%(failed)s of the %(total)s folds that other jobs trained did not end well: %(folds)s. The others are kept. "
        "Look at their reasons on the jobs page and try them again there."
    ),
    "folder_in_use": N_(
        "Another Miwake already uses the folder %(folder)s. Stop it, or choose another folder with MIWAKE_DATA_DIR."
    ),
    "folder_unwritable": N_(
        "The data folder %(folder)s cannot be written (%(reason)s). Correct its permissions, or choose another folder "
        "with MIWAKE_DATA_DIR."
    ),
    "group_failed": N_(
        "%(failed)s of the %(total)s trainings of this group did not end well. The others are kept. Look at their "
        "reasons on the jobs page and try them again there."
    ),
    "internal": N_("The job failed because of a mistake in the program (%(error)s). The trace is kept with the job."),
    "job_missing": N_("There is no job %(job)s."),
    "job_too_long": N_(
        "The job took longer than the %(seconds)s seconds that a job may take (MIWAKE_JOB_SECONDS). Try again: a "
        "training goes on where it was; or have the limit raised."
    ),
    "killed": N_(
        "The training process was killed by the system, most likely because memory ran out. Choose a smaller batch "
        "than %(batch_size)s or smaller pictures than %(image_size)s pixels, or close other programs."
    ),
    "layer_missing": N_("The network has no layer %(layer)s. Choose one of: %(known)s."),
    "lease_lost": N_("The job was given to another worker, because this one was silent for too long."),
    "method_missing": N_("There is no way %(method)s to make a heat map. Choose one of: %(known)s."),
    "run_class_missing": N_("The run has no class %(name)s. Choose one of the classes that it was trained with."),
    "matrix_items": N_(
        "%(count)s trainings would keep %(images)s images in all; at most %(most)s are possible at once. Choose fewer "
        "values, or start them one after the other."
    ),
    "matrix_size": N_("These values make %(count)s trainings; from 1 to %(most)s are possible. Choose fewer values."),
    "nothing_to_keep": N_("The training was stopped before its first epoch was done, so there is nothing to keep."),
    "option_unreadable": N_("“%(text)s” cannot be read. Write --set name=value, for example --set epochs=20."),
    "out_of_memory": N_(
        "The memory was not enough for a batch of %(batch_size)s pictures of %(image_size)s pixels. "
        "Choose a smaller batch or smaller pictures."
    ),
    "part_failed": N_(
        "%(failed)s of the %(total)s parts of this job did not end well. The others are kept. Try again on the jobs "
        "page."
    ),
    "port_in_use": N_(
        "Port %(port)s is used by another program. Stop that program, or choose another port: --port %(other)s."
    ),
    "port_refused": N_("Port %(port)s cannot be opened (%(reason)s). Choose another one: --port %(other)s."),
    "preset_unknown": N_("There is no preset “%(preset)s”. Known presets: %(known)s."),
    "queue_full": N_(
        "%(count)s jobs of this project wait already, and %(more)s more would be more than %(limit)s "
        "(MIWAKE_MAX_QUEUED). Wait until some have begun, or cancel some."
    ),
    "weights_missing": N_("The run has no trained weights for this model yet, so nothing can be explained."),
    "worker_ended": N_("The worker that this command started has ended with code %(code)s. Its last lines are above."),
    "vary_class_unchanged": N_(
        "No change of pictures is switched on for these classes: %(names)s. To change them alone would be the same as "
        "to change none. Switch some on for them, or choose other classes."
    ),
    "vary_kind": N_(
        "“%(value)s” cannot be a value of “%(name)s”. Write a number, a text, true or false, or a list of names."
    ),
    "vary_long": N_(
        "The values have %(count)s characters; at most %(most)s are read. Write fewer values, or shorter ones."
    ),
    "vary_no_augmentation": N_(
        "No change of pictures is switched on in the form, so with and without would be the same. Switch some on, or "
        "compare something else."
    ),
    "vary_object": N_(
        "“vary” cannot be read. It is an object with a list of values for each setting, for example "
        '{"vary": {"image_size": [64, 96]}}.'
    ),
    "vary_preset": N_(
        "A preset is only noted with a training, so it cannot vary. Vary its settings, or start a training from each "
        "preset."
    ),
    "vary_rows": N_("%(count)s settings vary here, but at most %(most)s can at once. Leave some of them out."),
    "vary_unchosen": N_("No value is chosen here. Choose those that are to be compared, or “nothing varies”."),
    "vary_unwritten": N_(
        "No value is written here. Write those that are to be compared with commas between them, for example 64, 128 "
        "or 0..4, or choose “nothing varies”."
    ),
    "vary_lists": N_(
        "“%(text)s” cannot be used. Write none, all, and lists of names, with commas between them and each once, for "
        'example none, all, ["cat"], ["cat", "dog"].'
    ),
    "vary_values": N_(
        "“%(text)s” cannot be used. Write values that differ, with commas between them, for example 64, 128. "
        "0..4 stands for 0, 1, 2, 3 and 4."
    ),
    "vary_twice": N_("The same setting stands here twice. Choose another one, or write all its values in one place."),
    "vary_unreadable": N_(
        "“%(text)s” cannot be read. Write --vary name=value,value with values that differ, for example "
        "--vary image_size=64,128 or --vary seed=0..4."
    ),
    "worker_lost": N_(
        "The worker stopped in the middle of this job %(attempts)s times, so it was given up. Look at the worker's "
        "output; most often the machine was switched off or ran out of memory."
    ),
}
