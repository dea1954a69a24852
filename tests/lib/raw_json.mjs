// JSON as it is written, not as it is meant: parts of a text, byte for byte.

/** The end of the value that begins at `at`. */
function endOf(text, at) {
  let depth = 0;
  for (let i = at; i < text.length; i++) {
    const c = text[i];
    if (c === '"') {
      for (i++; text[i] !== '"'; i++) {
        if (i >= text.length) throw new Error(`no JSON: ${text.slice(0, 200)}`);
        if (text[i] === "\\") i++;
      }
      if (depth === 0) return i + 1;
    } else if (c === "{" || c === "[") depth++;
    else if (c === "}" || c === "]") {
      if (--depth === 0) return i + 1;
      if (depth < 0) return i;
    } else if (depth === 0 && /[,\s]/.test(c)) return i;
  }
  return text.length;
}

const skip = (text, at) => at + /^[\s,:]*/.exec(text.slice(at))[0].length;

/** The members of the object, or the elements of the array, that `text` is: `[name or index, raw value]`. */
export function* parts(text) {
  let at = skip(text, 0);
  const isObject = text[at] === "{";
  at = skip(text, at + 1);
  for (let n = 0; at < text.length && text[at] !== "}" && text[at] !== "]"; n++) {
    let name = n;
    if (isObject) {
      const end = endOf(text, at);
      name = JSON.parse(text.slice(at, end));
      at = skip(text, end);
    }
    const end = endOf(text, at);
    yield [name, text.slice(at, end)];
    at = skip(text, end);
  }
}

/** The raw value at `path`. */
export function rawAt(text, ...path) {
  return path.reduce((inner, name) => inner && new Map(parts(inner)).get(name), text);
}
