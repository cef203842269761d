/** `*` stands for any run of characters. Linear in both lengths. */
export function matchesModel(pattern: string, model: string): boolean {
  const parts = pattern.split("*");
  const first = parts[0] as string;
  if (parts.length === 1) return pattern === model;
  if (!model.startsWith(first)) return false;
  let from = first.length;
  for (let place = 1; place < parts.length - 1; place++) {
    const part = parts[place] as string;
    const found = model.indexOf(part, from);
    if (found === -1) return false;
    from = found + part.length;
  }
  const last = parts[parts.length - 1] as string;
  return model.length - last.length >= from && model.endsWith(last);
}
