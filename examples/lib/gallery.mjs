// The page that shows what was rendered.

const escapes = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const text = (value) => String(value).replace(/[&<>"]/g, (char) => escapes[char]);

/** An HTML page with the pictures of the cards that came out, each linked to its markup. */
export function gallery(cards) {
  const figures = cards.map(
    ({ label, file }) =>
      `<a href="${text(file)}.html"><figure><img loading="lazy" src="${text(file)}.png" alt=""><figcaption>${text(label)}</figcaption></figure></a>`,
  );
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Rendered cards</title>
<style>
  body { margin: 32px; font-family: system-ui, sans-serif; background: #f1f3f5; }
  main { display: grid; grid-template-columns: repeat(auto-fill, minmax(260px, 1fr)); gap: 20px; }
  a { color: inherit; text-decoration: none; }
  figure { margin: 0; border-radius: 12px; overflow: hidden; background: #fff; }
  img { width: 100%; display: block; }
  figcaption { padding: 10px 14px; font-size: 13px; }
</style>
<h1>${cards.length} cards</h1>
<main>
${figures.join('\n')}
</main>
</html>
`;
}
