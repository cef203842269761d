/** Headers in which providers name the organization or project a key belongs to. */
const organizationHeaders = ["openai-organization", "anthropic-organization-id", "x-organization-id", "x-project-id"];
/** The same in an error message: "... for gpt-4.1 in organization org-abc on tokens per min". */
const organizationWords = /\b(?:organization|project) ((?:org|proj|organization|project)[-_][\w-]{3,64})/i;

/** What an answer says of whose key it was. */
export function organizationIn(headers: { get(name: string): string | null }, message: string | null): string | null {
  for (const name of organizationHeaders) {
    const value = headers.get(name);
    if (value !== null && value.trim() !== "") return value.trim().slice(0, 80);
  }
  const text = message === null ? "" : message.slice(0, 4096);
  const lower = text.toLowerCase();
  // Most name none, and the pattern is slow.
  if (!lower.includes("organization ") && !lower.includes("project ")) return null;
  return organizationWords.exec(text)?.[1] ?? null;
}
