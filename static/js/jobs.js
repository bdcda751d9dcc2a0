// Keeps the jobs page fresh: reads the page again every few seconds and puts the new list in place.

const PAUSE = 3000;

async function refresh() {
  const shown = document.getElementById("jobs");
  // Whoever is about to press a button must not have it moved away.
  if (document.hidden || shown.contains(document.activeElement) || shown.matches(":active")) return;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("jobs");
    if (fresh && !fresh.isEqualNode(shown)) shown.replaceWith(document.adoptNode(fresh));
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // the server is away for the moment; the next round asks again
  }
}

setInterval(refresh, PAUSE);
