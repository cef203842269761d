import type { InsuredReservation } from "./insurance.ts";
import type { RedisReservation } from "./redis-reservation.ts";

/** Granted by the server, or by this process alone. */
export type OwnReservation = RedisReservation | InsuredReservation;

/** Of a list of candidates whose beginning was asked for before. */
export function shifted(reservation: OwnReservation, by: number): OwnReservation {
  reservation.index += by;
  return reservation;
}
