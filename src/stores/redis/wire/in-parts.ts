/** So much is read or changed in one call: a script holds up the whole server. */
const mostInPart = 500;

export function inParts<T>(list: readonly T[]): readonly (readonly T[])[] {
  if (list.length <= mostInPart) return list.length === 0 ? [] : [list];
  return Array.from({ length: Math.ceil(list.length / mostInPart) }, (_, part) =>
    list.slice(part * mostInPart, (part + 1) * mostInPart),
  );
}
