// Reads what a client sends: JSON in a body, or a query.

import { HTTPError, invalidField } from './failures.mjs';
import { check, fromQuery } from './fields.mjs';

const tooLarge = (most) => new HTTPError(413, 'BODY_TOO_LARGE', `the body is larger than ${most} bytes`);

async function readBody(request, most) {
  if (Number(request.headers['content-length']) > most) throw tooLarge(most);
  const chunks = [];
  let size = 0;
  // What is left of a body that is too large is somebody else's to read: the connection is needed for the answer.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    size += chunk.length;
    if (size > most) throw tooLarge(most);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function readJSON(request, most) {
  const type = request.headers['content-type'] ?? '';
  // Besides, no page of another site can send this type without asking first.
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    const message = `the body must be JSON, with "content-type: application/json"${type ? `, but is ${type}` : ''}`;
    throw new HTTPError(415, 'UNSUPPORTED_MEDIA_TYPE', message);
  }
  const body = await readBody(request, most);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (cause) {
    throw new HTTPError(400, 'INVALID_JSON', `the body is no JSON: ${cause.message}`, { cause });
  }
}

/** The checked fields of a request for one of the tasks. */
export async function readFields(type, request, query, maxBody) {
  const given = request.method === 'POST' ? await readJSON(request, maxBody) : fromQuery(type, query);
  if (request.method === 'POST') {
    const [name] = query.keys();
    if (name !== undefined) throw invalidField(name, 'fields of a POST belong into its body');
  }
  const fields = check(type, given);
  if ((fields.url === undefined) === (fields.html === undefined)) {
    throw invalidField('url', 'exactly one of url and html must be there');
  }
  return fields;
}
