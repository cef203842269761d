import { builtinModules } from "node:module";
import { posix } from "node:path";
import ts from "typescript";
import type { Room } from "./import-picture.ts";

interface ImportedModule {
  readonly specifier: string;
  readonly isTypeOnly: boolean;
}

/** Everything in which `files` (paths under `src` with their text) differ from the picture, a line for each. */
export function violationsOf(
  files: Readonly<Record<string, string>>,
  picture: Readonly<Record<string, Room>>,
): string[] {
  return Object.entries(files).flatMap(([path, text]) => {
    const room = picture[path] ?? picture[posix.dirname(path)];
    if (room === undefined) return [`${path} is in no room of the picture`];
    const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
    const imports = importsOf(source).flatMap((imported) => judgeImport(path, room, imported, files));
    return hasDefaultExport(source) ? [...imports, `${path} has a default export`] : imports;
  });
}

/** Files that import each other, types included: the members of each circle, joined. */
export function circlesIn(files: Readonly<Record<string, string>>): string[] {
  const targets = new Map(Object.entries(files).map(([path, text]) => [path, targetsOf(path, text)]));
  const reach = (from: string, seen = new Set<string>()): Set<string> => {
    for (const target of targets.get(from) ?? []) {
      if (seen.has(target)) continue;
      seen.add(target);
      reach(target, seen);
    }
    return seen;
  };
  const reached = new Map([...targets.keys()].map((path) => [path, reach(path)]));
  const circles = [...targets.keys()].map((path) =>
    [...targets.keys()].filter((other) => reached.get(path)?.has(other) && reached.get(other)?.has(path)).sort(),
  );
  return [...new Set(circles.filter(({ length }) => length > 0).map((members) => members.join(" ")))].sort();
}

function targetsOf(path: string, text: string): string[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  return importsOf(source)
    .filter(({ specifier }) => specifier.startsWith("."))
    .map(({ specifier }) => targetOf(path, specifier));
}

function targetOf(path: string, specifier: string): string {
  return posix.normalize(posix.join(posix.dirname(path), specifier));
}

function judgeImport(
  path: string,
  room: Room,
  { specifier, isTypeOnly }: ImportedModule,
  files: Readonly<Record<string, string>>,
): string[] {
  if (specifier.startsWith("node:") || builtinModules.includes(specifier)) {
    return room.onNode === true ? [] : [`${path} imports ${specifier}`];
  }
  if (!specifier.startsWith(".")) {
    return specifier.startsWith("rotating-fetch") ? [`${path} imports the package by its own name`] : [];
  }
  const target = targetOf(path, specifier);
  if (!(target in files)) return [`${path} imports ${target}, which is not there`];
  const folder = posix.dirname(target);
  if (folder === posix.dirname(path) && folder !== ".") return [];
  const allowed = isTypeOnly ? [...room.may, ...(room.mayTypes ?? [])] : room.may;
  if (allowed.includes(target) || (folder !== "." && allowed.includes(folder))) return [];
  return [`${path} imports ${isTypeOnly ? "types of " : ""}${target}`];
}

/** Static, dynamic and type imports, and exports from elsewhere. */
function importsOf(source: ts.SourceFile): ImportedModule[] {
  const found: ImportedModule[] = [];
  const visit = (node: ts.Node): void => {
    const imported = importOf(node);
    if (imported !== undefined) found.push(imported);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function importOf(node: ts.Node): ImportedModule | undefined {
  if (ts.isImportDeclaration(node)) {
    return { specifier: textOf(node.moduleSpecifier), isTypeOnly: isTypeImport(node.importClause) };
  }
  if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined) {
    const { exportClause, isTypeOnly } = node;
    const named = exportClause !== undefined && ts.isNamedExports(exportClause) ? exportClause.elements : [];
    return { specifier: textOf(node.moduleSpecifier), isTypeOnly: isTypeOnly || areTypes(named) };
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
    return { specifier: textOf(node.argument.literal), isTypeOnly: true };
  }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    return { specifier: textOf(node.arguments[0]), isTypeOnly: false };
  }
  return undefined;
}

function isTypeImport(clause: ts.ImportClause | undefined): boolean {
  if (clause === undefined) return false;
  if (clause.isTypeOnly) return true;
  const { name, namedBindings } = clause;
  return name === undefined && namedBindings !== undefined && ts.isNamedImports(namedBindings)
    ? areTypes(namedBindings.elements)
    : false;
}

function areTypes(elements: readonly { readonly isTypeOnly: boolean }[]): boolean {
  return elements.length > 0 && elements.every(({ isTypeOnly }) => isTypeOnly);
}

function textOf(node: ts.Node | undefined): string {
  return node !== undefined && ts.isStringLiteralLike(node) ? node.text : "an address made at run time";
}

function hasDefaultExport(source: ts.SourceFile): boolean {
  return source.statements.some((statement) => {
    if (ts.isExportAssignment(statement)) return true;
    if (ts.isExportDeclaration(statement) && statement.exportClause !== undefined) {
      const { exportClause } = statement;
      return ts.isNamedExports(exportClause) && exportClause.elements.some(({ name }) => name.text === "default");
    }
    const modifiers = ts.canHaveModifiers(statement) ? (ts.getModifiers(statement) ?? []) : [];
    return modifiers.some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword);
  });
}
