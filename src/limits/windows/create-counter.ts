import type { Bucket } from "../store.ts";
import { AnchoredCounter } from "./anchored.ts";
import { CalendarCounter } from "./calendar.ts";
import { ConcurrencyCounter } from "./concurrency.ts";
import type { Counter } from "./counter.ts";
import { RollingCounter } from "./rolling.ts";

export function createCounter(kind: Bucket["kind"]): Counter {
  switch (kind) {
    case "rolling":
      return new RollingCounter();
    case "calendar":
      return new CalendarCounter();
    case "anchored":
      return new AnchoredCounter();
    case "concurrency":
      return new ConcurrencyCounter();
  }
}
