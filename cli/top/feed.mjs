// Reads what a server tells those who watch: server-sent events of its `/events`.

/** A server that cannot be watched, in words for whoever wants to. */
export class FeedError extends Error {
  constructor(message, { isFinal = false, cause } = {}) {
    super(message, { cause });
    this.name = 'FeedError';
    /** Whether another attempt would end in the same way. */
    this.isFinal = isFinal;
  }
}

async function connect(url, token, signal) {
  let response;
  try {
    response = await fetch(new URL('events', url), {
      headers: {
        accept: 'text/event-stream',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      signal,
    });
  } catch (error) {
    if (signal.aborted) throw error;
    const why = error.cause?.code ?? error.cause?.message ?? error.message;
    throw new FeedError(`nothing answers at ${url} (${why})`, { cause: error });
  }
  const type = response.headers.get('content-type') ?? '';
  if (response.ok && type.startsWith('text/event-stream')) return response.body;
  await response.body?.cancel();
  if (response.status === 401) {
    const which =
      token === undefined ? 'wants a token: --token, or PAGEPOOL_TOKEN' : 'does not take this token';
    throw new FeedError(`the server at ${url} ${which}`, { isFinal: true });
  }
  if (response.status === 503)
    throw new FeedError(`the server at ${url} has no room for one more, or is stopping`);
  throw new FeedError(`what answers at ${url} is no "pagepool serve" (status ${response.status})`, {
    isFinal: true,
  });
}

/** One message: its event, and its data as JSON. Comments are none. */
function parse(block) {
  const fields = block.split('\n').map((line) => /^(\w+): ?(.*)$/.exec(line) ?? []);
  const value = (name) => fields.find(([, field]) => field === name)?.[2];
  const data = value('data');
  return data === undefined ? undefined : { event: value('event'), data: JSON.parse(data) };
}

/** The messages, until the server ends the connection; rejects with a FeedError where it cannot be watched. */
export async function* messages(url, { token, signal }) {
  const body = await connect(url, token, signal);
  let rest = '';
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    const blocks = (rest + text).split('\n\n');
    rest = blocks.pop();
    for (const block of blocks) {
      const message = parse(block);
      if (message) yield message;
    }
  }
}
