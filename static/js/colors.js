// Class colours are data: a style attribute in the page would be refused by the content security policy.

/** Put the colour of data-color on every element under `root` that has one. */
export function paint(root = document) {
  const marked = root.querySelectorAll("[data-color]");
  for (const element of marked) {
    element.style.backgroundColor = element.dataset.color;
  }
}

/** "#000000" or "#ffffff", whichever can be read on `color` (relative luminance of WCAG 2). */
export function readableOn(color) {
  const channels = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16) / 255);
  const [red, green, blue] = channels.map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000000" : "#ffffff";
}
