const HOUR_MS = 3_600_000
const HOURS = 24

/** Spending is added up by the hour. */
export const hourOf = (atMs: number): number => Math.floor(atMs / HOUR_MS)

/**
 * The first hour that counts as "in the last 24 hours": a part of an hour more, never less. Hours that lie ahead count as well, so
 * that a clock which is set back makes no room.
 */
export const dayBefore = (nowMs: number): number => hourOf(nowMs) - HOURS

/** Host and port of an origin. */
export const hostOf = (origin: string): string => origin.slice(origin.indexOf('://') + 3)
