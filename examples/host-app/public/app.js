// The client: boots once, then renders routes without loading the page again. What it renders says by
// `data-prerender-status` how far it is: `loading`, `ready` or `error`.

const app = document.querySelector('#app');

const getJson = async (path) => {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return response.json();
};

const escapes = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const text = (value) => String(value).replace(/[&<>"]/g, (char) => escapes[char]);

const rows = (figures, labels) =>
  labels
    .map((label, i) => `<tr><td>${text(label)}</td><td>${figures[i % figures.length] * 12}.00</td></tr>`)
    .join('');

const bodies = {
  profile: (figures) => `
    <div class="portrait"><span></span></div>
    <p>Keeps the calendar honest, the shelves full and the coffee strong. Asks the question that everybody else was
    about to.</p>
    <dl><div><dt>Projects</dt><dd>${figures[0]}</dd></div><div><dt>Years</dt><dd>${figures[1] % 12}</dd></div>
    <div><dt>Reviews</dt><dd>${figures[2]}</dd></div></dl>`,
  invoice: (figures) => `
    <table>${rows(figures, ['Consultation', 'Materials', 'Delivery', 'Follow-up visit'])}
    <tr class="sum"><td>Total</td><td>${figures.slice(0, 4).reduce((sum, n) => sum + n * 12, 0)}.00</td></tr></table>`,
  chart: (figures) => `
    <div class="chart">${figures
      .map((n, i) => `<div style="height:${n}%"><b>${n}</b><span>${'JFMAMJ'[i]}</span></div>`)
      .join('')}</div>`,
  event: (figures) => `
    <div class="date"><b>${(figures[0] % 28) + 1}</b><span>October</span></div>
    <p>Doors open at ${9 + (figures[1] % 4)} in the morning. There will be guided tours, something to eat, and
    ${figures[2]} seats for the talk in the afternoon.</p><p class="place">Main hall, ground floor</p>`,
  tasks: (figures) => `
    <ul>${[
      'Agree on the date',
      'Write the announcement',
      'Order the signs',
      'Invite the neighbours',
      'Test the sound',
      'Sweep the yard',
    ]
      .map(
        (task, i) => `<li class="${i < 4 ? 'done' : ''}"><span>${task}</span><i>${figures[i]} min</i></li>`,
      )
      .join('')}</ul>`,
  article: (figures) => `
    <p class="lead">It began with a spreadsheet of ${figures[0]} rows, and nobody remembered who had made it.</p>
    <p>We printed it, pinned it to the wall, and asked everyone who passed to cross out a line that they would not
    miss. After a week there were ${figures[1]} left. The rest is now a page on our site, and this card is drawn from
    it.</p>`,
};

const seal = (card) => `${text(card.kind)} ${String(card.number).padStart(2, '0')}`;

function show({ tenant, card }, body, status) {
  app.innerHTML = `
    <article class="card ${text(card.kind)}" style="--accent:${text(tenant.accent)}" data-prerender
      data-prerender-id="${text(`${tenant.id}/${card.number}`)}" data-prerender-status="${status}">
      <header><span class="mark">${text(tenant.mark)}</span><span class="tenant">${text(tenant.name)}</span>
        <span class="seal">${seal(card)}</span></header>
      <h1>${text(card.title)}</h1><h2>${text(card.subtitle)}</h2>
      <section>${body}</section>
      <footer><span>${text(tenant.id)}.example</span><span>rendered on a warm page</span></footer>
    </article>`;
}

function showError(id, error) {
  app.innerHTML = `<pre class="failure" data-prerender data-prerender-id="${text(id)}"
    data-prerender-status="error">${text(error.message)}</pre>`;
}

const behaviours = {
  async slow({ card, tenant }) {
    // Three resources, one after another, as an app does that learns from one what to ask for next.
    let figures;
    for (let part = 0; part < 3; part += 1) {
      ({ figures } = await getJson(`/api/figures/${tenant.id}/${card.number}?part=${part}`));
    }
    return figures;
  },
  async noisy({ card, tenant }) {
    for (let line = 1; line <= 120; line += 1) {
      const level = line % 40 === 0 ? 'error' : line % 15 === 0 ? 'warn' : 'log';
      console[level](`card ${tenant.id}/${card.number}, line ${line}`, { line, level });
    }
    return plain({ card, tenant });
  },
  broken({ card }) {
    const missing = undefined;
    return missing.figuresOf(card);
  },
  endless() {
    for (;;);
  },
};

async function plain({ card, tenant }) {
  return (await getJson(`/api/figures/${tenant.id}/${card.number}`)).figures;
}

async function renderCard(tenantId, number) {
  const id = `${tenantId}/${number}`;
  try {
    const data = await getJson(`/api/cards/${tenantId}/${number}`);
    show(data, '<p>One moment.</p>', 'loading');
    const figures = await (behaviours[data.card.behaviour] ?? plain)(data);
    show(data, bodies[data.card.kind](figures), 'ready');
    document.title = `${data.card.title} · ${data.tenant.name}`;
  } catch (error) {
    showError(id, error);
    // Out of the promise, so that whoever watches the page for uncaught exceptions sees it.
    setTimeout(() => {
      throw error;
    });
  }
}

async function route(path) {
  const [first, ...rest] = path.split('/').filter(Boolean);
  if (first === 'cards' && rest.length === 2) await renderCard(rest[0], rest[1]);
  else if (first === '_standby') app.innerHTML = '<div id="standby-ready">Ready for the first card.</div>';
  else app.innerHTML = '<p>A card is at <a href="/cards/acme/1">/cards/acme/1</a>.</p>';
}

// What a prerender server calls on a warm page instead of loading it again.
globalThis.hostApp = {
  transitionTo(path) {
    history.pushState({}, '', path);
    // What was there before must not pass for what is asked for now.
    app.innerHTML = '';
    return route(path);
  },
};

await Promise.all(['session', 'schema', 'theme'].map((part) => getJson(`/api/boot/${part}`)));
await document.fonts.ready;
await route(location.pathname);
