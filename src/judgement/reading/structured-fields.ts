/** One member of a structured-field list: a name or number with its parameters. */
export interface FieldItem {
  readonly value: string;
  readonly parameters: ReadonlyMap<string, string>;
}

const parameterName = /^[a-z*][a-z0-9_.*-]{0,31}$/;
const bareItem = /^[A-Za-z0-9_.:*/+=-]{1,128}$/;

/** Reads `"daily";r=0;t=36400, "burst";r=3`; `null` when any part of it is malformed, as the whole field is void then. */
export function parseFieldList(text: string): readonly FieldItem[] | null {
  const items: FieldItem[] = [];
  for (const member of splitOutsideQuotes(text, ",")) {
    const [head, ...rest] = splitOutsideQuotes(member, ";");
    const value = unquote(head ?? "");
    if (value === null) return null;
    const parameters = new Map<string, string>();
    for (const parameter of rest) {
      const equals = parameter.indexOf("=");
      const name = parameter.slice(0, equals).trim();
      const content = unquote(parameter.slice(equals + 1));
      if (equals < 1 || content === null || !parameterName.test(name)) return null;
      parameters.set(name, content);
    }
    items.push({ value, parameters });
  }
  return items.length === 0 ? null : items;
}

function unquote(text: string): string | null {
  const trimmed = text.trim();
  if (!trimmed.startsWith('"')) return bareItem.test(trimmed) ? trimmed : null;
  if (trimmed.length < 2 || !trimmed.endsWith('"')) return null;
  const content = trimmed.slice(1, -1);
  return content.includes('"') ? null : content;
}

function splitOutsideQuotes(text: string, separator: string): string[] {
  const parts: string[] = [];
  let start = 0;
  let isQuoted = false;
  for (let position = 0; position < text.length; position += 1) {
    const character = text[position];
    if (character === '"') isQuoted = !isQuoted;
    else if (character === separator && !isQuoted) {
      parts.push(text.slice(start, position));
      start = position + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}
