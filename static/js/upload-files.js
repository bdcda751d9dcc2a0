// Files with their paths, out of a file input or a drop.

const AT_ONCE = 100;
const LARGEST_LIST = 64 * 2 ** 20; // MAX_SENT_BYTES in app/domain/lists.py

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
    for (let start = 0; start < more.length; start += AT_ONCE) {
      const below = await Promise.all(more.slice(start, start + AT_ONCE).map((child) => walk(child, `${path}/`)));
      for (const items of below) found.push(...items);
    }
  }
  return found;
}

/**
 * A folder with class folders in it names the whole set: files directly in it, or directly in one of its splits, have
 * no class, so its name is left out of their paths. The same rule as in app/domain/filenames.py.
 */
function withoutRoots(items, splits) {
  const isSplit = (name) => splits.includes(name.normalize("NFKC").toLowerCase());
  const classless = (parts) => parts.slice(1, -1).every(isSplit);
  const all = items.map((item) => ({ ...item, parts: item.path.split("/") }));
  const sets = new Set(all.filter(({ parts }) => parts.length > 2 && !classless(parts)).map(({ parts }) => parts[0]));
  return all.map(({ file, path, parts }) => {
    const root = parts.length > 1 ? parts[0] : "";
    const drop = sets.has(root) && !isSplit(root) && classless(parts);
    return { file, root, path: drop ? parts.slice(1).join("/") : path };
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

/**
 * What may be a list of the pictures: tables and JSON at the top of what was chosen, `manifest.csv` first. Name and size
 * alone decide, as in app/services/import_lists.py; what is in them only the server knows.
 */
export function listsOf(items) {
  const top = ({ path, root }) => !(root && path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path).includes("/");
  const found = items.filter((item) => /\.(csv|tsv|json)$/i.test(item.path) && item.file.size <= LARGEST_LIST && top(item));
  const order = ({ path }) => [!/(^|\/)manifest\.csv$/i.test(path), path].join();
  return found.sort((one, other) => (order(one) < order(other) ? -1 : 1));
}

/** Whether a file has the classes of an export. */
export const describes = (path) => /(^|\/)dataset\.json$/.test(path);

/** What the server is told of a file before it comes. */
export const named = ({ file, path }) => ({ path, size: file.size, modified: Math.trunc(file.lastModified) || 0 });

/** Groups of files for one request each. */
export function batches(items, { count, bytes }) {
  const all = [];
  let batch = [];
  let size = 0;
  for (const item of items) {
    if (batch.length >= count || (batch.length && size + item.file.size > bytes)) {
      all.push(batch);
      [batch, size] = [[], 0];
    }
    batch.push(item);
    size += item.file.size;
  }
  if (batch.length) all.push(batch);
  return all;
}

/** One body for some files: four bytes of length, a JSON list, the files. See app/web/bundles.py. */
export function bundle(items) {
  const head = new TextEncoder().encode(JSON.stringify(items.map(named)));
  const length = new DataView(new ArrayBuffer(4));
  length.setUint32(0, head.length);
  return new Blob([length, head, ...items.map((item) => item.file)]);
}
