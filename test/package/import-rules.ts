import { builtinModules } from "node:module";
import { posix } from "node:path";
import ts from "typescript";
import type { Part } from "./import-picture.ts";

interface ImportedModule {
  readonly specifier: string;
  readonly isTypeOnly: boolean;
}

/** Everything in which `files` (paths under `src` with their text) differ from the picture, a line for each. */
export function violationsOf(
  files: Readonly<Record<string, string>>,
  picture: Readonly<Record<string, Part>>,
): string[] {
  return Object.entries(files).flatMap(([path, text]) => {
    const partName = partOf(path, Object.keys(picture));
    const part = picture[partName ?? ""];
    if (part === undefined) return [`${path} is in no part of the picture`];
    const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
    const imports = importsOf(source).flatMap((imported) => judgeImport(path, part, imported, files));
    return hasDefaultExport(source) ? [...imports, `${path} has a default export`] : imports;
  });
}

function partOf(path: string, names: readonly string[]): string | undefined {
  return names.filter((name) => covers(name, path)).sort((one, other) => other.length - one.length)[0];
}

function covers(name: string, path: string): boolean {
  return name.endsWith("/") ? path.startsWith(name) : path === name;
}

function judgeImport(
  path: string,
  part: Part,
  { specifier, isTypeOnly }: ImportedModule,
  files: Readonly<Record<string, string>>,
): string[] {
  if (specifier.startsWith("node:") || builtinModules.includes(specifier)) {
    return part.onNode === true ? [] : [`${path} imports ${specifier}`];
  }
  if (!specifier.startsWith(".")) {
    return specifier.startsWith("rotating-fetch") ? [`${path} imports the package by its own name`] : [];
  }
  const target = posix.normalize(posix.join(posix.dirname(path), specifier));
  if (!(target in files)) return [`${path} imports ${target}, which is not there`];
  const allowed = isTypeOnly ? [...part.may, ...(part.mayTypes ?? [])] : part.may;
  const ownFolder = path.includes("/") ? [path.slice(0, path.indexOf("/") + 1)] : [];
  if ([...allowed, ...ownFolder].some((name) => covers(name, target))) return [];
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
