// Shows openapi.json to people: one fold-out an operation, with its parameters, bodies and answers.

const METHODS = ['get', 'post', 'put', 'patch', 'delete', 'options'];

function element(name, text, ...children) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  made.append(...children);
  return made;
}

function marked(name, kind, text) {
  const made = element(name, text);
  made.className = kind;
  return made;
}

// A sentence, with what stands between backticks as code.
function sentence(name, text) {
  const parts = text.split('`').map((part, at) => (at % 2 ? element('code', part) : part));
  return element(name, '', ...parts);
}

// What a schema stands for, as one would write it down: {"name": text, "pin"?: text or nothing}.
function shape(schema, all, depth = 0) {
  if (!schema) return 'anything';
  if (schema.$ref) return shape(all[schema.$ref.split('/').pop()], all, depth);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((each) => JSON.stringify(each)).join(' or ');
  const either = schema.anyOf ?? schema.oneOf;
  if (either) return [...new Set(either.map((each) => shape(each, all, depth)))].join(' or ');
  if (schema.allOf) return shape(schema.allOf[0], all, depth);
  if (schema.type === 'array') return `[${shape(schema.items, all, depth)}, …]`;
  if (schema.type === 'object' && schema.properties && depth < 6) {
    const inner = '  '.repeat(depth + 1);
    const needed = schema.required ?? [];
    const lines = Object.entries(schema.properties).map(([name, each]) =>
      `${inner}"${name}"${needed.includes(name) ? '' : '?'}: ${shape(each, all, depth + 1)}`);
    return lines.length ? `{\n${lines.join(',\n')}\n${'  '.repeat(depth)}}` : '{}';
  }
  const words = { string: 'text', integer: 'whole number', number: 'number', boolean: 'true or false', null: 'nothing' };
  return words[schema.type] ?? schema.type ?? 'anything';
}

function contents(content, all) {
  return Object.entries(content ?? {}).map(([kind, each]) =>
    element('pre', `${kind}\n${shape(each.schema, all)}`));
}

function operation(path, method, what, all) {
  const head = element('summary', '', marked('span', 'method', method.toUpperCase()), element('code', path),
    marked('span', 'what', what.summary ? `  ${what.summary}` : ''));
  const shown = element('details', '', head);
  if (what.description) shown.append(sentence('p', what.description));
  if (what.parameters?.length) {
    const list = element('dl');
    for (const each of what.parameters) {
      const must = each.required ? '' : ', may be left out';
      list.append(element('dt', each.name), element('dd', `in ${each.in}: ${shape(each.schema, all)}${must}. ${each.description ?? ''}`));
    }
    shown.append(element('h3', 'Parameters'), list);
  }
  if (what.requestBody) shown.append(element('h3', 'Send'), ...contents(what.requestBody.content, all));
  for (const [status, each] of Object.entries(what.responses ?? {})) {
    shown.append(element('h3', `${status}: ${each.description}`), ...contents(each.content, all));
  }
  return shown;
}

function show(described) {
  document.getElementById('about').append(sentence('span', described.info.description ?? ''));
  const all = described.components?.schemas ?? {};
  const groups = new Map();
  for (const [path, operations] of Object.entries(described.paths)) {
    for (const method of METHODS.filter((each) => operations[each])) {
      const group = operations[method].tags?.[0] ?? 'Requests';
      if (!groups.has(group)) groups.set(group, element('section', '', element('h2', group)));
      groups.get(group).append(operation(path, method, operations[method], all));
    }
  }
  document.getElementById('operations').replaceChildren(...groups.values());
}

function narrow(wanted) {
  for (const each of document.querySelectorAll('details')) {
    each.hidden = !each.firstChild.textContent.toLowerCase().includes(wanted.toLowerCase());
  }
}

document.getElementById('wanted').addEventListener('input', (event) => narrow(event.target.value));
try {
  const answer = await fetch('/api/openapi.json');
  show(await answer.json());
} catch {
  document.getElementById('operations').textContent = 'The description could not be read.';
}
