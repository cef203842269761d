/** Imports that the picture does not allow yet. The list may only shrink. */
export const openViolations: readonly string[] = [
  "pool/keys/key-secret.ts imports pool/waiting/bounded-wait.ts",
  "stores/file/key-file-format.ts imports pool/keys/key-source.ts",
  "testing/index.ts imports testing/emulator/answers/openai-errors.ts",
];

/** Files that import each other, types included, a circle a line. The list may only shrink. */
export const openCircles: readonly string[] = [];
