// Files with their paths, out of a file input or a drop.

/** Every file below an entry of a drop, with its path. */
async function walk(entry, above = "") {
  const path = above + entry.name;
  if (entry.isFile) {
    const file = await new Promise((resolve) => entry.file(resolve, () => resolve(null)));
    return file ? [{ file, path }] : [];
  }
  const reader = entry.createReader();
  const found = [];
  // One call gives at most 100 entries; an empty answer is the end.
  for (let more = [null]; more.length; ) {
    more = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    for (const child of more) found.push(...(await walk(child, `${path}/`)));
  }
  return found;
}

/** A folder that holds sub-folders names the whole set: files directly in it have no class. */
function withoutRoots(items, splits) {
  const deep = new Set(items.filter((item) => item.path.split("/").length > 2).map((item) => item.path.split("/")[0]));
  const isSplit = (name) => splits.includes(name.normalize("NFKC").toLowerCase());
  return items.map((item) => {
    const parts = item.path.split("/");
    const direct = parts.length === 2 && deep.has(parts[0]) && !isSplit(parts[0]);
    return direct ? { file: item.file, path: parts[1] } : item;
  });
}

/** The files of an input; a folder's files bring their relative path. */
export function chosen(files, splits) {
  return withoutRoots(files.map((file) => ({ file, path: file.webkitRelativePath || file.name })), splits);
}

/** The files of a drop, folders included. */
export async function dropped(transfer, splits) {
  // The list is emptied as soon as this function waits, so all entries are taken first.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return chosen([...transfer.files], splits);
  const found = [];
  for (const entry of entries) found.push(...(await walk(entry)));
  return withoutRoots(found, splits);
}
