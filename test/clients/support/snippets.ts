import { readFileSync } from "node:fs";

export interface Snippet {
  /** The heading it stands under, and its number where there are several. */
  readonly name: string;
  readonly code: string;
}

const page = new URL("../../../docs/clients.md", import.meta.url);

/** Every block of TypeScript in docs/clients.md. */
export function readSnippets(): readonly Snippet[] {
  const sections = readFileSync(page, "utf8").replaceAll("\r\n", "\n").split(/^#+ /m);
  return sections.flatMap((section) => {
    const heading = section.slice(0, section.indexOf("\n"));
    const blocks = [...section.matchAll(/^```ts\n([\s\S]*?)^```$/gm)];
    return blocks.map(([, code = ""], place) => ({ name: place === 0 ? heading : `${heading} ${place + 1}`, code }));
  });
}

/** The file a snippet would be, beside the tests, so that it finds the packages they find. */
export function fileNameOf({ name }: Snippet): string {
  return `${name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "")}.snippet.ts`;
}
