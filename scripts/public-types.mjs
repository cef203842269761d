/**
 * What users' compilers see: every exported declaration of every entry, and what those name, as one text.
 *
 * node scripts/public-types.mjs           writes scripts/public-types.txt from `dist`
 * node scripts/public-types.mjs --check   fails where `dist` differs from it
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const root = fileURLToPath(new URL("../", import.meta.url));
const reportFile = fileURLToPath(new URL("public-types.txt", import.meta.url));

/** Declarations of the build by entry, as `exports` of package.json names them. */
function entries() {
  const { exports } = JSON.parse(readFileSync(`${root}package.json`, "utf8"));
  return Object.entries(exports)
    .filter(([, target]) => typeof target === "object")
    .map(([name, target]) => ({
      name: name.replace(".", "rotating-fetch"),
      file: root + target.import.types.slice(2),
    }));
}

const printer = ts.createPrinter({ removeComments: true });

/** One declaration a symbol; overloads and a value with its type of the same name are several. */
function printed(symbol) {
  return symbol.declarations.map((declaration) => {
    const statement = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;
    const text = printer.printNode(ts.EmitHint.Unspecified, statement, statement.getSourceFile());
    return text.replace(/^(?:export |declare |default )+/, "").replace(/\n\s*#private;|\n\s*private [^\n]*/g, "");
  });
}

function isOurs(symbol) {
  const files = symbol.declarations?.map((declaration) => declaration.getSourceFile().fileName) ?? [];
  return files.length > 0 && files.every((file) => file.startsWith(`${root}dist/`));
}

/** What a declaration names of ours, under the name that it has at home. */
function namedBy(symbol, checker) {
  const found = new Set();
  const visit = (node) => {
    if (ts.isIdentifier(node)) {
      const named = resolved(checker.getSymbolAtLocation(node), checker);
      const isTop = named?.declarations?.some((declaration) => isTopLevel(declaration)) ?? false;
      if (named !== undefined && isTop && isOurs(named)) found.add(named);
    }
    ts.forEachChild(node, visit);
  };
  for (const declaration of symbol.declarations) visit(declaration);
  return found;
}

/** Classes that an exported one extends: their members are its own. */
function basesOf(symbol, checker) {
  const clauses = symbol.declarations.flatMap((declaration) => declaration.heritageClauses ?? []);
  const extended = clauses.filter(({ token }) => token === ts.SyntaxKind.ExtendsKeyword).flatMap(({ types }) => types);
  const bases = extended.map(({ expression }) => resolved(checker.getSymbolAtLocation(expression), checker));
  const ours = bases.filter((base) => base !== undefined && isOurs(base) && (base.flags & ts.SymbolFlags.Class) !== 0);
  return ours.flatMap((base) => [base, ...basesOf(base, checker)]);
}

function isTopLevel(node) {
  const statement = ts.isVariableDeclaration(node) ? node.parent.parent : node;
  return ts.isSourceFile(statement.parent);
}

function resolved(symbol, checker) {
  return symbol !== undefined && (symbol.flags & ts.SymbolFlags.Alias) !== 0
    ? checker.getAliasedSymbol(symbol)
    : symbol;
}

function report() {
  const options = { module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext, strict: true };
  const all = entries();
  const missing = all.find(({ file }) => !existsSync(file));
  if (missing !== undefined) throw new Error(`No declarations for ${missing.name}: build first`);
  const program = ts.createProgram(
    all.map(({ file }) => file),
    { ...options, types: [] },
  );
  const checker = program.getTypeChecker();
  const sections = [];
  const exported = new Set();
  for (const { name, file } of all) {
    const names = [];
    for (const symbol of checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(file)))) {
      names.push(symbol.name);
      exported.add(resolved(symbol, checker));
    }
    sections.push(`## ${name}\n\n${names.sort().join("\n")}\n`);
  }
  // Not what those name in turn: that is how we work inside.
  const known = new Set(exported);
  for (const symbol of exported) if (isOurs(symbol)) for (const named of namedBy(symbol, checker)) known.add(named);
  const bases = new Set([...exported].filter(isOurs).flatMap((symbol) => basesOf(symbol, checker)));
  for (const symbol of bases) known.add(symbol);
  for (const symbol of bases) for (const named of namedBy(symbol, checker)) known.add(named);
  const byName = (symbols) => [...symbols].filter(isOurs).flatMap(printed).sort();
  const inner = [...known].filter(
    (symbol) => !exported.has(symbol) && ((symbol.flags & ts.SymbolFlags.Class) === 0 || bases.has(symbol)),
  );
  sections.push(`## Exported\n\n${byName(exported).join("\n\n")}\n`);
  sections.push(`## Named by those, not exported\n\n${byName(inner).join("\n\n")}\n`);
  return sections.join("\n");
}

const now = report();
if (!process.argv.includes("--check")) {
  writeFileSync(reportFile, now);
} else if (now !== readFileSync(reportFile, "utf8")) {
  console.error("The public types changed. Tell of it in CHANGELOG.md, and run `npm run types:report`.");
  process.exit(1);
}
