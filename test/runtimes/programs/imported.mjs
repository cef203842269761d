import { createRotatingFetch } from "rotating-fetch";

process.stdout.write(typeof createRotatingFetch({ keys: "test-key", provider: "openai" }).rotator.snapshot);
