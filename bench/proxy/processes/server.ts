import { type ServerName, type Setup, servers } from "../servers.ts";

const [name, setup] = process.argv.slice(2);
const port = await servers[name as ServerName](JSON.parse(setup as string) as Setup);
process.send?.({ port });
process.once("disconnect", () => process.exit(0));
