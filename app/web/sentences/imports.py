"""Sentences of imports and pictures; keep the codes in order."""

from app.domain.text import N_

SENTENCES: dict[str, str] = {
    "server_folder_empty": N_("There is no file in the folder “%(folder)s” or below it. Choose another one."),
    "server_folder_missing": N_(
        "There is no folder “%(folder)s” among those that this server offers. It may have been moved, or be a link, "
        "which is not followed; a worker on another machine must see the folder at the same place."
    ),
    "server_folders_off": N_(
        "This server offers no folders. Set MIWAKE_IMPORT_DIR to a folder for the web process and the workers."
    ),
    "bundle_broken": N_(
        "The files came damaged: their sizes do not fit what was announced. Load the page again and send them once "
        "more."
    ),
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
    "file_exists": N_("There is a file “%(file)s” already. Choose another name, or remove it first."),
    "file_missing": N_("There is no file “%(file)s”. Check the path."),
    "file_special": N_("This is a device, pipe or socket and not a file. Leave it out."),
    "file_too_large": N_("The file has more than %(limit_mb)s MB. Save it smaller, or raise MIWAKE_MAX_FILE_MB."),
    "file_unreadable": N_("The file cannot be read. Check its permissions and import again."),
    "folder_empty": N_(
        "There is no file to import in the folder “%(folder)s” or below it. "
        "Expected are pictures (JPEG, PNG, TIFF, BMP, GIF, WebP) or NumPy arrays (.npz)."
    ),
    "folder_left_out": N_("Its folder was left out in the table of folders before the import."),
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
    "import_not_over": N_("Import %(number)s is not over yet. Cancel it or wait for its end, then take it back."),
    "import_without_job": N_(
        "No worker was asked for import %(number)s. Choose its files again on the import page; it then goes on."
    ),
    "import_zip_coming": N_("The zip of this import is just being sent. Wait for it, or begin a new import."),
    "import_zip_gone": N_(
        "The zip of import %(number)s is kept no longer, for it waits for a week only. Choose it again on the import "
        "page; pictures that are here already are not stored twice."
    ),
    "junk": N_("A hidden file or one that the operating system made; it was skipped."),
    "list_choices": N_(
        "The task %(line)s has several choices (%(choices)s). A picture has one class: keep one of them."
    ),
    "list_column_twice": N_("Two columns of the list mean “%(column)s”. Remove one of them."),
    "list_damaged": N_(
        "The list cannot be read from line %(line)s on: a quotation mark is not closed. Save it again as CSV."
    ),
    "list_encoding": N_("The list is no text we can read. Save it as CSV in UTF-8."),
    "list_file_missing": N_(
        "Line %(line)s of the list names this file, but it did not come. Check its path, or add the file."
    ),
    "list_itself": N_("This is the list that says what the pictures are."),
    "list_json": N_("This is no list of tasks. Export from Label Studio as “JSON” or “JSON-MIN”."),
    "list_no_path": N_(
        "No column of the list has the paths of the files. The first line is “%(columns)s”: "
        "name one of its columns “path”."
    ),
    "list_row_no_path": N_("Line %(line)s of the list names no file. Fill in its path."),
    "list_split": N_(
        "Line %(line)s of the list says “%(value)s”, which is no split. Use train, validation, test or nothing."
    ),
    "list_too_long": N_("The list has more than %(limit)s lines. Import it in parts."),
    "list_too_large": N_("The list has more than %(limit_mb)s MB. Import it in parts."),
    "list_twice": N_("Line %(line)s of the list names the same file as line %(first)s. Remove one of them."),
    "list_yes_no": N_("Line %(line)s of the list has “%(value)s” in the column “%(column)s”. Use yes, no or nothing."),
    "npz_channels_first": N_(
        "The array “%(name)s” has the shape %(shape)s, so its colours stand before its rows. Save it as (n, height, "
        "width, 3): np.moveaxis(array, 1, -1)."
    ),
    "npz_columns": N_(
        "The array “%(name)s” is stored column by column (Fortran order). Save np.ascontiguousarray(array) instead."
    ),
    "npz_damaged": N_(
        "“%(name)s” is no whole array: its data does not fit what it says of itself. Save the .npz again."
    ),
    "npz_labels": N_(
        "The labels “%(name)s” are of the type %(type)s with the shape %(shape)s. Save one whole number or one text "
        "for each picture."
    ),
    "npz_labels_many": N_(
        "The labels “%(name)s” have more than %(limit)s different values. Are they measurements? Give each picture a "
        "class."
    ),
    "npz_lengths": N_(
        "“%(name)s” has %(labels)s labels, but “%(other)s” has %(pictures)s pictures. Save one label for each picture."
    ),
    "npz_no_pictures": N_(
        "The .npz has no array of pictures that we know by its name; it has: %(names)s. Call them x and y, images and "
        "labels, or x_train, y_train, x_test, y_test."
    ),
    "npz_objects": N_(
        "The array “%(name)s” holds Python objects (a pickle), which could run a program when read. Save plain numbers "
        "or texts."
    ),
    "npz_other": N_("This array is neither pictures nor labels by its name; it was skipped."),
    "npz_shape": N_(
        "The array “%(name)s” has the shape %(shape)s. Pictures are (n, height, width), (n, height, width, 1) or "
        "(n, height, width, 3)."
    ),
    "npz_too_large": N_(
        "The array “%(name)s” with the shape %(shape)s has entries that are too large. Make them smaller."
    ),
    "npz_too_many": N_("The .npz has more than %(limit)s pictures. Save it in parts."),
    "npz_twice": N_("“%(name)s” and “%(other)s” mean the same. Leave one of the two arrays out."),
    "npz_type": N_(
        "The pictures “%(name)s” are of the type %(type)s. Save them as uint8, uint16 or floating-point numbers."
    ),
    "rule_unclear": N_(
        "“%(text)s” does not say which folder is which class. Write FOLDER=CLASS, FOLDER= for no label, or FOLDER=- to "
        "leave the folder out."
    ),
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
}
